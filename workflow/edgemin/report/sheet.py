"""A table as people read it: columns of numbers and of text. Every form of a table but CSV is written from one such sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgemin.report.number import MISSING, Format


@dataclass(frozen=True)
class Cell:
    """One cell, as it is read."""

    text: str
    number: float | None = None
    """What to sort by: the value in the printed unit, unrounded. None for text and for what is missing."""
    low: float | None = None
    """Lower end of its interval, in the same unit."""
    high: float | None = None
    best: bool = False
    """Above every other row of its block by more than the interval."""
    repeated: bool = False
    """Markdown and LaTeX leave it empty: a row above says the same."""


@dataclass(frozen=True)
class Column:
    """Values of all rows under one heading. Sequences have one entry a row, or none at all."""

    heading: str
    """With the unit, if that is the same for all rows."""
    values: Sequence[float | str | None]
    """Measured numbers with `format`, else texts. None, or NaN: missing."""
    format: Format | Sequence[Format] | None = None
    """Of all numbers, or of each; None: a column of text."""
    low: Sequence[float | None] = ()
    """Lower ends of intervals, measured as `values` are."""
    high: Sequence[float | None] = ()
    before: Sequence[str] = ()
    """Text before the numbers."""
    after: Sequence[str] = ()
    """Text behind the numbers."""
    best: Sequence[bool] = ()
    """Whether a row is the best of its block."""
    repeated: Sequence[bool] = ()
    """Whether a row above says the same."""
    names: Sequence[bool] = ()
    """Whether a row's text names cells: behind those that are not accepted it gets a mark."""
    missing: str = MISSING
    """Text of what is missing."""

    @property
    def numeric(self) -> bool:
        """Whether its cells begin with a number: they are aligned right, and sorted by it."""
        return self.format is not None and not self.before

    def cell(self, row: int) -> Cell:
        """The cell of a row, counted from 0."""
        best, repeated = (bool(flags[row]) if flags else False for flags in (self.best, self.repeated))
        value = _known(self.values[row])
        if value is None or isinstance(value, str):
            # A line break, as YAML's texts have them, would end a row of Markdown.
            text = self.missing if value is None else " ".join(value.split())
            return Cell(text, best=best, repeated=repeated)
        form = self._format(row)
        low, high = (_known(ends[row]) if ends else None for ends in (self.low, self.high))
        before, after = (texts[row] if texts else "" for texts in (self.before, self.after))
        text = f"{before}{form.text(value, low, high)}{after}"
        value, low, high = (None if one is None else one * form.factor for one in (value, low, high))
        return Cell(text, value, low, high, best, repeated)

    def _format(self, row: int) -> Format:
        if self.format is None:
            raise TypeError(f"column '{self.heading}' has a number and no format")
        return self.format if isinstance(self.format, Format) else self.format[row]


def _known(value: Any) -> Any:
    """None for NaN and infinities, which JSON has no numbers for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class Row:
    """What a row is about."""

    cell: str | None = None
    """Name of the study's cell; None where the row is none."""
    runtime: str | None = None
    task: str | None = None
    starts: bool = False
    """Whether a block begins here, below another."""
    accepted: bool = True
    """False where the row is of a quantized cell that failed."""


@dataclass(frozen=True)
class Sheet:
    """A table. Raises ValueError for a column of another length than `rows`."""

    name: str
    """Of its files."""
    title: str
    study: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""
    """Below it."""
    first: str = ""
    """A sentence that is to be read before it; empty where there is none."""

    def __post_init__(self) -> None:
        for column in self.columns:
            parts = (column.low, column.high, column.before, column.after, column.best, column.repeated, column.names)
            several = () if column.format is None or isinstance(column.format, Format) else column.format
            lengths = {len(column.values), *(len(part) for part in (*parts, several) if part)}
            if lengths != {len(self.rows)}:
                raise ValueError(f"{self.name}: column '{column.heading}' is for {lengths} rows, the table has {len(self.rows)}")

    @property
    def heading(self) -> str:
        return f"{self.title}: {self.study}" if self.study else self.title

    def cells(self) -> list[list[Cell]]:
        """(rows, columns)."""
        return [[column.cell(row) for column in self.columns] for row in range(len(self.rows))]

    def content(self) -> dict[str, Any]:
        """In plain JSON types, as {name}.json has it and the page reads it."""
        columns = [{"heading": one.heading, "align": "right" if one.numeric else "left"} for one in self.columns]
        rows = [
            {**vars(row), "cells": [{name: getattr(cell, name) for name in _KEPT} for cell in cells]}
            for row, cells in zip(self.rows, self.cells(), strict=True)
        ]
        return {**{name: getattr(self, name) for name in PARTS}, "columns": columns, "rows": rows}


PARTS = ("name", "title", "study", "first", "columns", "rows", "note")
"""Of a sheet, in JSON."""
_KEPT = ("text", "number", "low", "high", "best")
"""Of a cell, in JSON. What is repeated is written out: rows may be sorted."""
