"""Names beside points, where they cover nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from edgemin.report.drawing import NAMES


def frontier(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Indices of the points that none beats (less x, more y), by rising x."""
    order = np.lexsort((-y, x))
    best, kept = -np.inf, []
    for index in order:
        if y[index] > best:
            best = y[index]
            kept.append(index)
    return np.asarray(kept)


CROWD = 30
"""From so many points on, those on no line get a name only right beside them, and far enough from all others that it is plain whose it is."""
_APART = 14
"""So far, in points."""
_RADII = (11, 18, 27, 38, 52, 70, 90)
_ANGLES = np.arange(0.25, 2.25, 0.25) * np.pi


def label_points(
    figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray], bars: Sequence[np.ndarray] = ()
) -> None:
    """Name each point, at the first place around it where the name covers no mark, no other name and no line, and no bar if that can be.

    Those on a line come first. A point without such a place stays without a name: the page tells it. A cell whose points coincide (the same
    size in two runtimes) is named once.

    points: x, y, cell, and the size `ms` of its mark; lines: indices of the points that each joins; bars: (2, 2) ends of each, in data.
    """
    renderer, scale = figure.canvas.get_renderer(), figure.dpi / 72
    at = axis.transData.transform(points[["x", "y"]].to_numpy())
    half = points["ms"].to_numpy()[:, None] * scale / 2 + 1
    marks = np.hstack([at - half, at + half])
    taken = np.vstack([marks, *(_along(at[line]) for line in lines)])
    crossed = np.vstack([np.empty((0, 4)), *(_along(axis.transData.transform(bar)) for bar in bars)])
    frame = axis.get_window_extent(renderer).extents
    first = dict.fromkeys(int(index) for line in lines for index in line)
    done: dict[str, list[np.ndarray]] = {}
    for number in dict.fromkeys([*first, *range(len(points))]):
        cell, own = points["cell"].iloc[number], marks[number]
        if any(_meets(own, box[None]) for box in done.get(cell, ())):
            continue
        done.setdefault(cell, []).append(own)
        alone = number not in first and len(points) > CROWD
        others = np.delete(taken, number, axis=0)
        far = others + np.array([-1, -1, 1, 1]) * scale * (_APART if alone else 0)
        places = _places(at[number], _extent(figure, renderer, cell), _RADII[:1] if alone else _RADII, scale)
        free = [(offset, box) for offset, box in places if _within(box, frame) and not _meets(box, far)]
        clear = [(offset, box) for offset, box in free if not _meets(box, crossed)]
        if free:
            offset, box = (clear or free)[0]
            _annotate(axis, cell, tuple(points[["x", "y"]].iloc[number]), *offset)
            taken = np.vstack([taken, box])


def _places(
    at: np.ndarray, extent: tuple[float, float], radii: Sequence[int], scale: float
) -> Iterator[tuple[tuple[float, float], np.ndarray]]:
    """Offsets in points, nearest first, with the box in pixels (left, bottom, right, top) that a name of that extent would fill."""
    width, height = extent
    for radius in radii:
        for angle in _ANGLES:
            dx, dy = radius * np.cos(angle), radius * np.sin(angle)
            x, y = at[0] + dx * scale, at[1] + dy * scale
            left = {"left": x, "right": x - width, "center": x - width / 2}[_sides(dx, dy)["ha"]]
            bottom = {"bottom": y, "top": y - height, "center": y - height / 2}[_sides(dx, dy)["va"]]
            yield (dx, dy), np.array([left - 1, bottom - 1, left + width + 1, bottom + height + 1])


def _sides(dx: float, dy: float) -> dict[str, str]:
    """The side of a name that is towards its point."""
    return {
        "ha": "left" if dx > 2 else "right" if dx < -2 else "center",
        "va": "bottom" if dy > 2 else "top" if dy < -2 else "center",
    }


def _annotate(axis: Any, name: str, point: tuple[float, float], dx: float, dy: float) -> None:
    arrow = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkB": 3} if np.hypot(dx, dy) > 15 else None
    axis.annotate(name, point, (dx, dy), textcoords="offset points", fontsize=NAMES, arrowprops=arrow, zorder=5, **_sides(dx, dy))


def _extent(figure: Any, renderer: Any, name: str) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = figure.text(0, 0, name, fontsize=NAMES)
    box = text.get_window_extent(renderer)
    text.remove()
    return box.width, box.height


def _meets(box: np.ndarray, others: np.ndarray) -> bool:
    """Whether a box (4,) overlaps any of others (N, 4)."""
    return bool(((box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])).all(axis=1).any())


def _within(box: np.ndarray, frame: np.ndarray) -> bool:
    return bool((box[:2] >= frame[:2]).all() and (box[2:] <= frame[2:]).all())


def _along(corners: np.ndarray) -> np.ndarray:
    """(N, 4) small boxes along a line, in pixels."""
    parts = [start + (end - start) * np.linspace(0.05, 0.95, 40)[:, None] for start, end in pairwise(corners)]
    places = np.vstack([np.empty((0, 2)), *parts])
    return np.hstack([places - 1, places + 1])
