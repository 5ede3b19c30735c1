"""What a difference may be: `drop > 0.5` is broken by a cell that lost more than half a point."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.report.number import number

QUANTITIES = {
    "drop": "points lost from A to B, hundredths of the metric",
    "slower": "p50 of B divided by that of A",
    "larger": "bytes of B divided by those of A",
}
"""Quantity -> what it is of a row."""
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*(?P<quantity>[^\s<>=]+)\s*(?P<comparator>[<>=!]+)\s*(?P<number>\S+)\s*")
_HELP = f"write for example 'drop > 0.5'; known: {', '.join(QUANTITIES)}"


@dataclass(frozen=True)
class Limit:
    """`quantity comparator number`: what holds of a row breaks it."""

    quantity: str
    comparator: str
    number: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Raises EdgeminError for anything else than a known quantity, one of `> >= < <=`, and a number."""
        match = _FORM.fullmatch(text)
        if not match:
            raise EdgeminError(f"--fail-if '{text}': is not of the form 'quantity comparator number'; {_HELP}")
        quantity, comparator = match["quantity"], match["comparator"]
        if quantity not in QUANTITIES:
            raise EdgeminError(f"--fail-if '{text}': unknown quantity '{quantity}'; {_HELP}")
        if comparator not in _COMPARED:
            raise EdgeminError(f"--fail-if '{text}': unknown comparator '{comparator}'; known: {', '.join(_COMPARED)}")
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", match["number"]):
            raise EdgeminError(f"--fail-if '{text}': '{match['number']}' is not a number; {_HELP}")
        return cls(quantity, comparator, float(match["number"]))

    def __str__(self) -> str:
        return f"{self.quantity} {self.comparator} {self.number:g}"

    def broken(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """A line for each row that it holds of, with cell and figure, and for each that cannot be compared, with the reason: a check does not pass
        by comparing less. rows: of `Difference.rows`.

        Raises EdgeminError where no row has the quantity: a limit that cannot be broken is no check.
        """
        if all(quantity_of(self.quantity, row) is None for row in rows):
            raise EdgeminError(
                f"--fail-if '{self}': no row has this quantity ({QUANTITIES[self.quantity]}); {_WHY[self.quantity]}"
            )
        problems = ((row, self._problem(row)) for row in rows)
        return [f"{self}: {row['task']} {row['cell']} in {row['runtime']}: {problem}" for row, problem in problems if problem]

    def _problem(self, row: Mapping[str, Any]) -> str:
        """What is wrong with a row; empty if nothing is."""
        value = quantity_of(self.quantity, row)
        if value is None:
            reason = reason_of(self.quantity, row)
            return f"cannot be compared: {reason}" if reason else ""
        return f"{self.quantity} {number(value, 4)}" if _COMPARED[self.comparator](value, self.number) else ""


_WHY = {
    "drop": "both sides need answers to the same test set, with a seed in common",
    "slower": "both sides need latency of the same processor and as many threads",
    "larger": "both sides need sizes",
}


def quantity_of(name: str, row: Mapping[str, Any]) -> float | None:
    """The value of a quantity in a row; None where it was not measured on both sides."""
    if name == "drop":
        change = row.get("quality_change")
        return None if change is None else round(-100 * change, 9) + 0.0  # 0.5 is not above 0.5, and 0 has no sign
    value: float | None = row.get(name)
    return value


def reason_of(name: str, row: Mapping[str, Any]) -> str:
    """Why a quantity that a row lacks cannot be compared; empty where A has nothing to compare, such as a latency."""
    if name == "drop":
        return row.get("why") or "the metric has no value on one side"
    return row.get(f"why_{name}") or ""
