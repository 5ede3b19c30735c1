"""Names beside points, where they cover nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
_NEAR, _NEIGHBOURS = 30, 4
"""So do points that have, nearer than this in points, those of so many other cells around them."""
_APART = 14
"""So far, in points."""
_RADII = (11, 18, 27, 38, 52, 70, 90)
_SHORT = 3
"""Of them a point on no line has so many: a long line through a crowd seems to belong to all that it passes."""
_ANGLES = np.arange(0.25, 2.25, 0.25) * np.pi
_SLANTED = np.array([angle for angle in np.arange(0.125, 2.0, 0.125) if angle % 0.5]) * np.pi
"""Of names with a line, which would seem to lengthen a bar if it ran along one."""
_ARROW_FROM = 15
"""From this radius on a thin line leads from a name to its point."""
_PLAIN: Mapping[str, Any] = {"fontsize": NAMES}
_BOLD: Mapping[str, Any] = {"fontsize": NAMES + 2, "fontweight": "bold"}


def label_points(
    figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray], bars: Sequence[np.ndarray] = ()
) -> None:
    """Name each point, at the first place around it where the name covers no mark, no other name and no line, and no bar if that can be.

    Those with a role come first, in bold, then those on a line. Of the rest, a point without such a place near it, or in a crowd, stays without a name: the table tells it. A
    cell whose points coincide (the same size in two runtimes) is named once.

    points: x, y, cell, role, and the size `span` of its mark; lines: indices of the points that each joins; bars: (2, 2) ends of each, in data.
    """
    panel = _Panel(figure, axis, points, lines, bars)
    marked = np.flatnonzero(points["role"] != "").tolist()
    first = dict.fromkeys([*marked, *(int(index) for line in lines for index in line)])
    done: dict[str, list[np.ndarray]] = {}
    for number in dict.fromkeys([*first, *range(len(points))]):
        cell, own = points["cell"].iloc[number], panel.marks[number]
        if any(_meets(own, box[None]) for box in done.get(cell, ())):
            continue
        done.setdefault(cell, []).append(own)
        style = _BOLD if number in marked else _PLAIN
        radii = _RADII if number in first else _RADII[:_SHORT]
        if place := panel.place(number, cell, style, radii, alone=number not in first and panel.crowded[number]):
            _annotate(axis, cell, tuple(points[["x", "y"]].iloc[number]), place, style)
            panel.take(place)


@dataclass(frozen=True)
class _Place:
    """Where a name can be. radius, offset: from its point, in points; box: (left, bottom, right, top) in pixels; arrow: (N, 4) small boxes along its
    line, none where it is near."""

    radius: float
    offset: tuple[float, float]
    box: np.ndarray
    arrow: np.ndarray


class _Panel:
    """What an axis has already, in pixels."""

    def __init__(
        self, figure: Any, axis: Any, points: pd.DataFrame, lines: Sequence[np.ndarray], bars: Sequence[np.ndarray]
    ) -> None:
        self.figure, self.renderer, self.scale = figure, figure.canvas.get_renderer(), figure.dpi / 72
        self.frame = axis.get_window_extent(self.renderer).extents
        self.at = axis.transData.transform(points[["x", "y"]].to_numpy())
        self.spans = points["span"].to_numpy()
        half = self.spans[:, None] * self.scale / 2 + 1
        self.marks = np.hstack([self.at - half, self.at + half])
        self.cells = points["cell"].to_numpy()
        self.crowded = self._crowded()
        self.bars = np.vstack([_NONE, *(_along(axis.transData.transform(bar)) for bar in bars)])
        self.taken = np.vstack([self.marks, *(_along(self.at[line]) for line in lines)])
        self.names = _NONE

    def _crowded(self) -> np.ndarray:
        """(N,) bool."""
        near = (np.abs(self.at[:, None] - self.at[None]) < _NEAR * self.scale).all(axis=-1)
        around = np.array([len({*self.cells[row]}) - 1 for row in near])
        return (around >= _NEIGHBOURS) | (len(self.at) > CROWD)

    def place(self, number: int, name: str, style: Mapping[str, Any], radii: Sequence[int], alone: bool) -> _Place | None:
        """The nearest place of these radii, where what it may cover counts as a way. alone: right beside its point, far from all others and over nothing."""
        others = np.delete(self.taken, number, axis=0)
        far = others + np.array([-1, -1, 1, 1]) * self.scale * (_APART if alone else 0)
        free = []
        for one in self._places(number, self._extent(name, style), radii[:1] if alone else radii):
            crosses = any(_meets(part, self.names) for part in one.arrow)
            if not crosses and _within(one.box, self.frame) and not _meets(one.box, far):
                detour = self._detour(number, one)
                free += [] if alone and detour else [(one.radius + detour, one)]
        return min(free, key=lambda candidate: candidate[0])[1] if free else None

    def _detour(self, number: int, place: _Place) -> float:
        """So many points of radius is it worth to cover no bar, not to pass over or close to another's mark, and to be nearest to its own point."""
        pad = np.array([-1, -1, 1, 1]) * 3 * self.scale
        others = np.delete(np.arange(len(self.at)), number)
        others = others[self.cells[others] != self.cells[number]]
        passes = any(_meets(part, self.marks[others] + pad) for part in place.arrow)
        gaps = self.gaps(place.box)
        strange = not len(place.arrow) and bool((gaps[others] < 1.3 * gaps[number]).any())
        return 10.0 * _meets(place.box, self.bars) + 40.0 * passes + 60.0 * strange

    def gaps(self, box: np.ndarray) -> np.ndarray:
        """(N,) pixels from a box to each point."""
        return np.asarray(np.linalg.norm(np.maximum(0, np.maximum(box[:2] - self.at, self.at - box[2:])), axis=1))

    def take(self, place: _Place) -> None:
        self.taken, self.names = np.vstack([self.taken, place.box, place.arrow]), np.vstack([self.names, place.box])

    def _places(self, number: int, extent: tuple[float, float], radii: Sequence[int]) -> Iterator[_Place]:
        """Nearest first. Radii are of small marks: around a larger one they are larger."""
        (width, height), at, beyond = extent, self.at[number], max(0.0, (self.spans[number] - 8) / 2)
        for radius in radii:
            for angle in _SLANTED if radius > _ARROW_FROM else _ANGLES:
                offset = (radius + beyond) * np.cos(angle), (radius + beyond) * np.sin(angle)
                x, y = at + np.array(offset) * self.scale
                sides = _sides(*offset)
                left = {"left": x, "right": x - width, "center": x - width / 2}[sides["ha"]]
                bottom = {"bottom": y, "top": y - height, "center": y - height / 2}[sides["va"]]
                arrow = _along(np.array([at, [x, y]])) if radius > _ARROW_FROM else _NONE
                yield _Place(radius, offset, np.array([left - 1, bottom - 1, left + width + 1, bottom + height + 1]), arrow)

    def _extent(self, name: str, style: Mapping[str, Any]) -> tuple[float, float]:
        """Width and height of a name in pixels."""
        text = self.figure.text(0, 0, name, **style)
        box = text.get_window_extent(self.renderer)
        text.remove()
        return box.width, box.height


_NONE = np.empty((0, 4))
"""No boxes."""


def _sides(dx: float, dy: float) -> dict[str, str]:
    """The side of a name that is towards its point."""
    return {
        "ha": "left" if dx > 2 else "right" if dx < -2 else "center",
        "va": "bottom" if dy > 2 else "top" if dy < -2 else "center",
    }


def _annotate(axis: Any, name: str, point: tuple[float, float], place: _Place, style: Mapping[str, Any]) -> None:
    arrow = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkB": 3} if len(place.arrow) else None
    sides = _sides(*place.offset)
    axis.annotate(name, point, place.offset, textcoords="offset points", arrowprops=arrow, zorder=5, **style, **sides)


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
