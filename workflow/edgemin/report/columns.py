"""Columns and rows of a sheet from a frame of unrounded numbers, one row each. NaN and None are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from edgemin.report.number import MISSING, Format, common_scale
from edgemin.report.sheet import Column, Row

TIMES = Format(2, unit="×")
"""A ratio of times."""
MILLISECONDS = Format(2)
WHOLE = Format(0)
"""Counts, and seconds of training."""
P = Format(3, least=0.001)
"""A p-value."""
_ABOUT = ("cell", "task", "runtime", "control", "reference", "asks", "says")
"""Columns of a frame that say what a row is about: all but `cell` are the same within a block."""


def rows_of(found: pd.DataFrame, runtime: str | None = None) -> list[Row]:
    """What each row is about. runtime: of all rows, where the frame has no such column."""
    rows: list[Row] = []
    before: dict[str, Any] | None = None
    for row in found.to_dict("records"):
        told = {str(name): value for name, value in row.items() if name in _ABOUT and not pd.isna(value)}
        block = {name: value for name, value in told.items() if name != "cell"}
        rows.append(Row(told.get("cell"), told.get("runtime", runtime), told.get("task"), before not in (None, block)))
        before = block
    return rows


def text(heading: str, values: Iterable[Any], repeated: Sequence[bool] = (), missing: str = MISSING) -> Column:
    """A column of text, one value a row; `cell` has names of cells. repeated: of each row whether Markdown and LaTeX leave it empty (`repeats`).
    missing: text of what is."""
    texts = [None if pd.isna(value) else str(value) for value in values]
    return Column(heading, texts, repeated=repeated, missing=missing, names=[heading == "cell"] * len(texts))


def repeats(found: pd.DataFrame, *names: str) -> list[bool]:
    """Of each row whether a row above has the same values in these columns."""
    return list(found.duplicated(list(names)))


def numbers(heading: str, values: Iterable[Any], form: Format) -> Column:
    """Numbers as measured, one a row; the format brings them to the heading's unit."""
    return Column(heading, _numbers(values), form)


def intervals(heading: str, found: pd.DataFrame, name: str, form: Format) -> Column:
    """Numbers as measured, with their intervals: of the frame's columns name, name_low and name_high. A column that it lacks is missing."""
    value, low, high = (_numbers(found.get(f"{name}{end}", [None] * len(found))) for end in ("", "_low", "_high"))
    return Column(heading, value, form, low, high)


def millions(heading: str, values: Iterable[Any]) -> Column:
    """Counts in millions: two decimals, more for a model of a few thousand parameters."""
    return of_any_size(heading, (None if value is None else value / 1e6 for value in _numbers(values)))


def of_any_size(heading: str, values: Iterable[Any]) -> Column:
    """Positive numbers with two decimals, and four below 0.1."""
    found = _numbers(values)
    return Column(heading, found, [Format(4 if value is not None and value < 0.1 else 2) for value in found])


def task(found: pd.DataFrame) -> list[Column]:
    """The first column of a table of several tasks; nothing for one."""
    return [text("task", found["task"])] if found["task"].nunique() > 1 else []


def judged(found: pd.DataFrame) -> list[Column]:
    """Quality, its change and how sure that is, the same in every table.

    found: of `report.blocks`, with metric, quality, best and, where rows are compared, quality_change, p and p_holm.
    """
    scale = common_scale(found["metric"])
    columns = [replace(intervals(scale.label, found, "quality", scale.value), best=list(found["best"]))]
    if "quality_change" in found:
        columns.append(intervals("change", found, "quality_change", scale.change))
    if "p" in found and found["p"].notna().any():
        corrected = [f" ({P.text(value)})" for value in _numbers(found["p_holm"])]
        columns.append(replace(numbers("p (Holm)", found["p"], P), after=corrected))
    return columns


def _numbers(values: Iterable[Any]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]
