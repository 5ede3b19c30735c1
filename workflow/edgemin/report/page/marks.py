"""The marks in the page's plot: on each pair of its axes what the Pareto plots would mark there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from edgemin.report.page.points import FIGURES
from edgemin.report.standing import Standing

_SAME = ("id", "task", "chain", "runtime", "accepted")


def marks_of(points: Sequence[Mapping[str, Any]], standing: Standing) -> dict[str, dict[str, str]]:
    """`{x}/{y}` -> id of a point -> its role. points: of `points_of`. All of them count, visible or hidden."""
    across, up = ([name for name, figure in FIGURES.items() if figure["axis"] == axis] for axis in ("x", "y"))
    return {f"{x}/{y}": _marked(points, x, y, standing) for x, y in product(across, up)}


def _marked(points: Sequence[Mapping[str, Any]], x: str, y: str, standing: Standing) -> dict[str, str]:
    sign = 1 if FIGURES[x]["less"] else -1  # roles are by a cost
    rows = [
        {name: point[name] for name in _SAME} | {"name": point["cell"], "x": sign * point["values"][x], "y": point["values"][y]}
        for point in points
        if point["values"][x] is not None and point["values"][y] is not None
    ]
    roles: dict[str, str] = {}
    for _, of_task in pd.DataFrame(rows, columns=[*_SAME, "name", "x", "y"]).groupby("task", sort=False):
        roles |= dict(zip(of_task["id"], standing.roles(of_task), strict=True))
    return {point: role for point, role in roles.items() if role}
