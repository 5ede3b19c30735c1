"""What stands out among the points of a Pareto plot, static or on the page: what is recommended, where ladders end, and the teacher."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.report.dominance import beaten
from edgemin.report.frames import read_frame
from edgemin.report.number import scale_of, three_digits
from edgemin.study.chains import ROOT
from edgemin.study.floor import NUMPY

ROLES = ("winner", "end", "teacher")
NEVER_APART = "\u00a0"
"""A space at which no line ends."""


def standing_of(spec: Mapping[str, Any], recommendation: Sequence[str | Path]) -> Standing:
    """spec: of `report.plots.pareto`; recommendation: the table's CSV, if the study has limits."""
    tables = [read_frame(file) for file in recommendation]
    chosen = [{(row["task"], row["cell"]) for _, row in table[table["recommended"]].iterrows()} for table in tables]
    return Standing(spec.get("ends", {}), chosen[0] if chosen else None, spec.get("recommended_in", ""))


@dataclass(frozen=True)
class Standing:
    """What the study says of it."""

    ends: Mapping[str, Collection[str]]
    """Runtime -> the cells at which the ladders of its block of the stage-wise table end."""
    recommended: Collection[tuple[str, str]] | None = None
    """(task, cell) of what its limits chose; None: it has no limits."""
    recommended_in: str = ""
    """The runtime of these."""

    @property
    def words(self) -> dict[str, str]:
        """Role -> what its mark means, for the legend."""
        if self.recommended is None:
            return {"winner": "winner: no ladder ends better", "end": "end of another ladder", "teacher": "teacher"}
        return {"winner": "recommended within the limits", "end": "end of a ladder", "teacher": "teacher"}

    def roles(self, points: pd.DataFrame) -> pd.Series:
        """(points,) role or an empty text, of the points of one task: `task`, `name`, `chain`, `runtime`, `accepted`, x and y."""
        ends = _holds(points[["runtime", "name"]], lambda runtime, name: name in self.ends.get(runtime, ()))
        roles = pd.Series("", index=points.index).mask(ends, "end").mask(points["chain"] == ROOT, "teacher")
        return roles.mask(self._wins(points, roles), "winner")

    def _wins(self, points: pd.DataFrame, roles: pd.Series) -> pd.Series:
        if self.recommended is None:
            ends = points[(roles == "end") & points["accepted"]]
            return points.index.to_series().isin([index for index, end in ends.iterrows() if not beaten(end, ends, ("x",), "y")])
        chosen = self.recommended
        return points["runtime"].isin([self.recommended_in, NUMPY.name]) & _holds(
            points[["task", "name"]], lambda task, name: (task, name) in chosen
        )

    def sentence(self, points: pd.DataFrame, unit: str) -> str:
        """What stands out, in figures. points: of one task, with `role`; unit: of x."""
        named = {role: rows.to_dict("records") for role, rows in points[points["role"] != ""].groupby("role", sort=False)}
        winners, ends, teachers = (named.get(role, []) for role in ROLES)
        if self.recommended is None:
            sentences = [f"Winner by means: {_listed(winners, unit)}."] if winners else []
            sentences += [f"Other ladders: {_listed(ends, unit)}."] if winners and ends else []
        else:
            sentences = [f"Recommended: {_listed(winners, unit) or 'none, no cell is within the limits'}."]
            sentences += [f"Ladders: {_listed(ends, unit)}."] if ends else []
        runtime = winners[0]["runtime"] if winners else None
        alike = [one for one in teachers if one["runtime"] == runtime] or teachers
        return " ".join([*sentences, *([f"Teacher:{NEVER_APART}{_figures(alike[0], unit)}."] if sentences and alike else [])])


def _holds(pairs: pd.DataFrame, condition: Callable[[str, str], bool]) -> pd.Series:
    """(rows,) bool, of two columns."""
    return pd.Series([condition(*pair) for pair in pairs.itertuples(index=False, name=None)], index=pairs.index, dtype=bool)


def _listed(rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    return ", ".join(f"{row['cell']} ({_figures(row, unit)})" for row in rows)


def _figures(row: Mapping[str, Any], unit: str) -> str:
    """`85.74 %, 0.783 ms`, in one line."""
    scale = scale_of(row["metric"])
    quality = replace(scale.value, factor=1).text(row["y"]) + scale.label.removeprefix(row["metric"])
    return f"{quality}, {three_digits(row['x'])} {unit}".replace(" ", NEVER_APART)
