"""Names in the Pareto plots: ours beside adjustText's, on the studies on record. What came of it: docs/libraries.md.

Counted on each plot: names; of them those over a mark, over another name, over a line, outside of the frame, and those that are nearest to a mark of another cell. The
library gets all names, and then only those that ours shows, and marks as boxes. It moves for a number of rounds, not for a time. A package that is no part of the environment:

    .venv/bin/python -m pip install --no-deps adjustText==1.4.0

kept_labels.py quick evidence frontier
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from edgemin.cli.documents import studies
from edgemin.core.errors import EdgeminError
from edgemin.report import labels, pareto
from script import run

PLOTS = ("pareto_latency", "pareto_size")
ROUNDS = 500
FOLDER = Path("results/labels")
"""Of the pictures."""
COUNTS = ("names", "over marks", "over names", "over lines", "outside", "nearest to another")
Place = Callable[..., None]


def by_library(only: Sequence[str] | None = None) -> Place:
    """Names by adjustText. only: cells that get one."""
    from adjustText import adjust_text

    def place(figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray], bars: Sequence[np.ndarray] = ()) -> None:
        once = (points if only is None else points[points["cell"].isin(only)]).drop_duplicates("cell")
        styles = [labels._BOLD if role else labels._PLAIN for role in once["role"]]
        texts = [
            axis.text(x, y, cell, **style)
            for (x, y, cell), style in zip(once[["x", "y", "cell"]].to_numpy(), styles, strict=True)
        ]
        boxes = labels._Panel(figure, axis, points, lines, []).marks
        marks = [Bbox(axis.transData.inverted().transform(box.reshape(2, 2))) for box in boxes]  # it takes them in data
        x, y = points["x"].to_numpy(), points["y"].to_numpy()
        arrows = {"arrowstyle": "-", "color": "#999999", "lw": 0.6}
        adjust_text(texts, x, y, objects=marks, ax=axis, iter_lim=ROUNDS, arrowprops=arrows)

    return place


def counts(figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray]) -> list[int]:
    """By COUNTS, of the names that an axis has."""
    panel = labels._Panel(figure, axis, points, lines, [])
    named = [text for text in axis.texts if text.get_text() in set(points["cell"])]
    boxes = np.array([_extent(text, panel.renderer) for text in named]).reshape(-1, 4)
    found = np.zeros(len(COUNTS), int)
    joins = np.vstack([labels._NONE, *(labels._along(panel.at[line]) for line in lines)])
    for number, (text, box) in enumerate(zip(named, boxes, strict=True)):
        gaps = panel.gaps(box)
        own = points["cell"].to_numpy() == text.get_text()
        found += [
            1,
            labels._meets(box, panel.marks),
            labels._meets(box, np.delete(boxes, number, axis=0)),
            labels._meets(box, joins),
            not labels._within(box, panel.frame),
            gaps[own].min() > gaps[~own].min() if (~own).any() else False,
        ]
    return [int(count) for count in found]


def _extent(text: Any, renderer: Any) -> np.ndarray:
    """(4,) pixels of a name, without the line to its point."""
    if isinstance(text, Annotation):
        text.update_positions(renderer)
    return np.asarray(Text.get_window_extent(text, renderer).extents)


@contextmanager
def placing(place: Place, seen: Callable[..., None]) -> Iterator[None]:
    """Plots name points by `place`; `seen` is called after it."""
    ours = pareto.label_points

    def both(figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray], bars: Sequence[np.ndarray] = ()) -> None:
        place(figure, axis, points, lines, bars)
        seen(figure, axis, points, lines)

    pareto.label_points = both
    try:
        yield
    finally:
        pareto.label_points = ours


def compared(study: Any, plot: str) -> list[tuple[str, list[int]]]:
    """Name of a way -> its counts, summed over the plot's panels. The names of ours are those of all panels together: studies have one task each."""
    rows: list[tuple[str, list[int]]] = []
    shown: list[str] = []

    def drawn(way: str, place: Place) -> None:
        total = np.zeros(len(COUNTS), int)

        def seen(figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray]) -> None:
            nonlocal total
            total = total + counts(figure, axis, points, lines)
            if way == "ours":
                shown.extend(text.get_text() for text in axis.texts)

        with placing(place, seen):
            study.draw(plot, FOLDER / f"{study.plan.study.study}-{plot}-{way.replace(' ', '_')}.png")
        rows.append((way, [int(count) for count in total]))

    drawn("ours", pareto.label_points)
    drawn("adjustText, all names", by_library())
    drawn("adjustText, names of ours", by_library(shown))
    return rows


def main() -> None:
    """Prints a table."""
    if find_spec("adjustText") is None:
        raise EdgeminError("adjustText is not installed: .venv/bin/python -m pip install --no-deps adjustText==1.4.0")
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("| study | plot | names by | " + " | ".join(COUNTS) + " |")
    with studies(Path()) as on_record:
        for name in sys.argv[1:]:
            if name not in on_record:
                raise EdgeminError(f"{name}: no study on record; those that are: {', '.join(on_record)}")
            for plot in PLOTS:
                for way, found in compared(on_record[name], plot):
                    print(f"| {name} | {plot} | {way} | " + " | ".join(map(str, found)) + " |")


if __name__ == "__main__":
    run(main)
