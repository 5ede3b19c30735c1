"""Names beside points, where they cover nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.text import Text


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
"""Points of which every one gets a name."""
_PLACES = [
    (radius * np.cos(angle), radius * np.sin(angle))
    for radius in (11, 18, 27, 38, 52, 70)
    for angle in np.arange(0.25, 2.25, 0.25) * np.pi
]


def label_points(figure: Any, axis: Any, points: pd.DataFrame) -> None:
    """Name each point, at the first place around it where the name covers no point, no other name and not the line; those on the
    line first. In a crowd, points without such a place stay without a name: the page tells them.

    A cell whose points coincide (the same size in two runtimes) is named once. points: x, y, cell, and the size `ms` of its mark.
    """
    first = frontier(points["x"].to_numpy(), points["y"].to_numpy())
    points = points.iloc[[*first, *sorted(set(range(len(points))) - set(first))]]
    renderer = figure.canvas.get_renderer()
    at = axis.transData.transform(points[["x", "y"]].to_numpy())
    halves = points["ms"].to_numpy() * figure.dpi / 144 + 1
    boxes = [
        matplotlib.transforms.Bbox.from_extents(px - h, py - h, px + h, py + h) for (px, py), h in zip(at, halves, strict=True)
    ]
    taken = boxes + _along(at[: len(first)])
    frame = axis.get_window_extent(renderer)
    named: list[tuple[str, Any]] = []
    for number, (cell, x, y, own) in enumerate(zip(points["cell"], points["x"], points["y"], boxes, strict=True)):
        if any(cell == other and own.overlaps(box) for other, box in named):
            continue
        named.append((cell, own))
        anyhow = [(11.0, 0.0)] if number < len(first) or len(points) <= CROWD else []
        for dx, dy in _PLACES + anyhow:
            side = {
                "ha": "left" if dx > 2 else "right" if dx < -2 else "center",
                "va": "bottom" if dy > 2 else "top" if dy < -2 else "center",
            }
            arrow = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkB": 3} if np.hypot(dx, dy) > 15 else None
            text = axis.annotate(cell, (x, y), (dx, dy), textcoords="offset points", fontsize=8, arrowprops=arrow, **side)
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer).padded(1)  # without the arrow, which may cross others
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if (dx, dy) in anyhow or (inside and not any(box.overlaps(other) for other in taken if other is not own)):
                taken.append(box)
                break
            text.remove()


def _along(corners: np.ndarray) -> list[Any]:
    """Small boxes along a line, in pixels."""
    places = [start + (end - start) * share for start, end in pairwise(corners) for share in np.linspace(0.05, 0.95, 40)]
    return [matplotlib.transforms.Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in places]
