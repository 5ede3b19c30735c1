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


def rows_of(frame: pd.DataFrame, runtime: str | None = None) -> list[Row]:
    """What each row is about. runtime: of all rows, where the frame has no such column."""
    rows: list[Row] = []
    before: dict[str, Any] | None = None
    for row in frame.to_dict("records"):
        about = {str(name): value for name, value in row.items() if name in _ABOUT and not pd.isna(value)}
        block = {name: value for name, value in about.items() if name != "cell"}
        rows.append(Row(about.get("cell"), about.get("runtime", runtime), about.get("task"), before not in (None, block)))
        before = block
    return rows


def text(heading: str, values: Iterable[Any], repeated: Sequence[bool] = (), missing: str = MISSING) -> Column:
    """A column of text, one value a row; `cell` has names of cells. repeated: of each row whether Markdown and LaTeX leave it empty (`repeats`).
    missing: text of what is."""
    texts = [None if pd.isna(value) else str(value) for value in values]
    return Column(heading, texts, repeated=repeated, missing=missing, names=[heading == "cell"] * len(texts))


def repeats(frame: pd.DataFrame, *names: str) -> list[bool]:
    """Of each row whether a row above has the same values in these columns."""
    return list(frame.duplicated(list(names)))


def numbers(heading: str, values: Iterable[Any], form: Format) -> Column:
    """Numbers as measured, one a row; the format brings them to the heading's unit."""
    return Column(heading, _numbers(values), form)


def intervals(heading: str, frame: pd.DataFrame, name: str, form: Format) -> Column:
    """Numbers as measured, with their intervals: of the frame's columns name, name_low and name_high. A column that it lacks is missing."""
    value, low, high = (_numbers(frame.get(f"{name}{end}", [None] * len(frame))) for end in ("", "_low", "_high"))
    return Column(heading, value, form, low, high)


def millions(heading: str, values: Iterable[Any]) -> Column:
    """Counts in millions: two decimals, more for a model of a few thousand parameters."""
    return of_any_size(heading, (None if value is None else value / 1e6 for value in _numbers(values)))


def of_any_size(heading: str, values: Iterable[Any]) -> Column:
    """Positive numbers with two decimals, and four below 0.1."""
    sizes = _numbers(values)
    return Column(heading, sizes, [Format(4 if value is not None and value < 0.1 else 2) for value in sizes])


def task(frame: pd.DataFrame) -> list[Column]:
    """The first column of a table of several tasks; nothing for one."""
    return [text("task", frame["task"])] if frame["task"].nunique() > 1 else []


def judged(frame: pd.DataFrame) -> list[Column]:
    """Quality, its change and how sure that is, the same in every table.

    frame: of `report.blocks`, with metric, quality, best and, where rows are compared, quality_change, p and p_holm.
    """
    scale = common_scale(frame["metric"])
    columns = [replace(intervals(scale.label, frame, "quality", scale.value), best=list(frame["best"]))]
    if "quality_change" in frame:
        columns.append(intervals("change", frame, "quality_change", scale.change))
    if "p" in frame and frame["p"].notna().any():
        corrected = [f" ({P.text(value)})" for value in _numbers(frame["p_holm"])]
        columns.append(replace(numbers("p (Holm)", frame["p"], P), after=corrected))
    return columns


def _numbers(values: Iterable[Any]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]
