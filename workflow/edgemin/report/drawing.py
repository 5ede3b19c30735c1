"""What all plots share: one width, one set of fonts, colour-blind-safe colours (Okabe-Ito), and files that are the same bytes each time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from edgemin.core.files import whole_file
from edgemin.study import registry
from edgemin.study.floor import NUMPY

BLUE, GREY, BAND = "#0072B2", "#555555", "#f1f1f1"
"""Of what is shown, of what it is compared with, and of an interval that others are held against."""
WIDTH = 11.0
"""Of every figure, inches: side by side, their texts have one size."""
NAMES, NUMBERS = 9, 7.5
"""Font sizes beside marks."""
INTERVAL = "95 % interval"
SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "figure.titlesize": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.markersize": 5.5,
    "lines.linewidth": 1.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "edgemin",
    "svg.fonttype": "none",
    "figure.dpi": 100,
}
_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (6, 2, 1.2, 2)))


def dash_of(runtime: str) -> Any:
    """How a line of a runtime is drawn, as matplotlib has it; in grey its colour alone would not tell it from another's."""
    if runtime == NUMPY.name:
        return _DASHES[0]
    return _DASHES[registry.RUNTIMES.names().index(runtime) % len(_DASHES)]


def headline(figure: Any, finding: str) -> None:
    """What the data of this figure show, in a sentence on top. `save` writes it into the file as its description too."""
    figure.suptitle("\n".join(textwrap.fill(line, 140) for line in finding.splitlines()), x=0.008, ha="left", linespacing=1.3)


def legend(figure: Any, handles: Iterable[Any], labels: Iterable[str]) -> None:
    """The one legend of a figure, below it; in several lines where it is long."""
    handles, labels = list(handles), list(labels)
    around, width = 7, 150  # characters that a mark takes, and that a line has
    one_line = sum(len(label) + around for label in labels) <= width
    columns = len(labels) if one_line else max(1, width // (max(map(len, labels)) + around))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def symlog(axis: Any, values: np.ndarray) -> str:
    """Let the x-axis of numbers of any sign be logarithmic away from 0 and linear near it; returns what the axis' label has to say.

    Linear up to the power of ten at the smallest number other than 0, but not below 1e-5 of the largest. Where all are within a factor
    of 30, or all are 0, the axis stays linear and the answer is empty.
    """
    sizes = np.abs(values[values != 0])
    if not len(sizes) or sizes.max() < 30 * sizes.min():
        return ""
    linear = 10.0 ** np.floor(np.log10(max(sizes.min(), sizes.max() * 1e-5)))
    axis.set_xscale("symlog", linthresh=linear, linscale=0.6)
    least, most = min(0.0, values.min()), max(0.0, values.max())
    decades = np.arange(np.log10(linear), np.ceil(np.log10(sizes.max())) + 1)
    step = max(1, len(decades) // (4 if least < 0 < most else 6))
    powers = 10.0 ** decades[::step]
    ticks = [*(-powers[::-1] if least < 0 else []), 0.0, *(powers if most > 0 else [])]
    axis.set_xlim(least * 2.5, most * 2.5)
    inside = [tick for tick in ticks if least * 2.5 <= tick <= most * 2.5]
    axis.set_xticks(inside, [_plain(tick) for tick in inside])
    axis.set_xticks([], minor=True)
    return f"log scale, linear within ±{_plain(linear)}"


def _plain(number: float) -> str:
    """`1e−6`, not `1e-06`."""
    return f"{number:g}".replace("-", "−").replace("e−0", "e−")


def save(figure: Any, files: Iterable[str]) -> None:
    """Write a figure as PNG and SVG, by the files' suffixes."""
    described = {"Description": " ".join(figure.get_suptitle().split())}
    for file in files:
        form = str(file).rsplit(".", 1)[1]
        with whole_file(file) as partial:
            metadata = {"Date": None} if form == "svg" else {"Software": None}
            figure.savefig(partial, format=form, dpi=160, metadata=metadata | described)
    plt.close(figure)
