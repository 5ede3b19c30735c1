"""What all plots share: colour-blind-safe colours (Okabe-Ito), one style, and files that are the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from edgemin.core.files import whole_file

BLUE, GREY = "#0072B2", "#555555"
SETTINGS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "edgemin",
    "svg.fonttype": "none",
    "figure.dpi": 100,
}


def save(figure: Any, files: Iterable[str]) -> None:
    """Write a figure as PNG and SVG, by the files' suffixes."""
    for file in files:
        form = str(file).rsplit(".", 1)[1]
        with whole_file(file) as partial:
            metadata = {"Date": None} if form == "svg" else {"Software": None}
            figure.savefig(partial, format=form, dpi=160, metadata=metadata)
    plt.close(figure)
