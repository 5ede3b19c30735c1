"""How a Pareto plot marks what stands out. Which points these are: `report.standing`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from edgemin.report.drawing import GREY
from edgemin.report.standing import Standing


@dataclass(frozen=True)
class Look:
    """How a mark is drawn over that of the runtime."""

    marker: str
    size: float
    """In points."""
    hollow: bool = False


LOOKS = {"winner": Look("*", 17), "end": Look("P", 11), "teacher": Look("o", 15, hollow=True)}
"""Role -> look."""


def mark(axis: Any, points: pd.DataFrame, colors: Mapping[str, str]) -> None:
    """Draw the marks of points with `role` over those of their runtimes, hollow where a cell is not accepted. colors: of runtimes."""
    for role, look in LOOKS.items():
        for _, row in points[points["role"] == role].iterrows():
            face = "none" if look.hollow else colors[row["runtime"]] if row["accepted"] else "white"
            edge = {"mec": "black", "mew": 1.1 if look.hollow else 0.7}
            axis.plot(row["x"], row["y"], look.marker, ms=look.size, mfc=face, zorder=3.5, ls="none", **edge)


def handles(standing: Standing, roles: Collection[str]) -> tuple[list[Any], list[str]]:
    """Marks of the legend and what they mean, of those roles that there are."""
    words = {role: text for role, text in standing.words.items() if role in roles}
    marks = [
        Line2D(
            [], [], ls="none", marker=LOOKS[role].marker, ms=10, mfc="none" if LOOKS[role].hollow else GREY, mec="black", mew=0.8
        )
        for role in words
    ]
    return marks, list(words.values())
