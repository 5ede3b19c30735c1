"""What tables, recommendations and bundles do with verdicts: a mark, a note, and an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report import kernels
from edgemin.report.sheet import Column, Row

MARK = "†"
_REMEDY = "compare calibration, skipped layers or another scheme (docs/acceptance.md), or relax the limit under `acceptance` if that is meant"
Failed = Mapping[tuple[str, str], Sequence[str]]
"""(task, cell) -> a line for each measure beyond its limit."""


def failed_of(files: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Of the files of verdicts, those that are not accepted. What is not there yet says nothing."""
    verdicts = [read_json(file) for file in files if Path(file).exists()]
    return {(one["task"], one["cell"]): reasons_of(one) for one in verdicts if not one["accepted"]}


def reasons_of(verdict: Mapping[str, Any]) -> list[str]:
    """Measure, value and limit of what failed."""
    return [_reason(name, one) for name, one in verdict["measures"].items() if not one["accepted"]]


def _reason(name: str, one: Mapping[str, Any]) -> str:
    value = "not a number" if one["value"] is None else f"{one['value']:.4g}"
    return f"{name} {value} (limit {one['limit']:g}, seed {one['seed']})"


def lines_of(failed: Failed) -> list[str]:
    """One for each measure: cell, measure, value, limit."""
    return [f"cell '{cell}', task {task}: {reason}" for (task, cell), reasons in failed.items() for reason in reasons]


def refuse(files: Iterable[str], what: str) -> None:
    """Raises EdgeminError if a verdict is that a cell is not accepted. what: is not done with it."""
    if failed := failed_of(files):
        raise EdgeminError("\n".join(f"acceptance: {line}; {what}: {_REMEDY}" for line in lines_of(failed)))


def noted(rows: Sequence[Row], failed: Failed) -> list[Row]:
    """The rows, those of cells that are not accepted with `accepted` False."""
    return [replace(row, accepted=row.cell not in _names(row, failed)) for row in rows]


def accepted_in(table: pd.DataFrame) -> pd.Series:
    """(rows,) bool: of a table's CSV, which rows are of cells that did not fail. Without the column none was judged."""
    return table["accepted"] if "accepted" in table else pd.Series(True, index=table.index)


def names_in(table: pd.DataFrame) -> pd.Series:
    """Names of its cells as plots show them, with the mark behind those that failed, and that of dense kernels."""
    names = table["cell"].where(accepted_in(table), table["cell"] + MARK)
    return names.where(~kernels.dense_in(table), names + kernels.MARK)


def not_accepted(table: pd.DataFrame) -> str:
    """What the marks mean, behind a plot's finding, where there are some."""
    failed = "" if accepted_in(table).all() else f" {MARK}: not accepted, too far from its float parent."
    return failed + (
        f" {kernels.MARK}: dense kernels ran, this CPU has none for sparse weights." if kernels.dense_in(table).any() else ""
    )


def marked(columns: Sequence[Column], rows: Sequence[Row], failed: Failed, mark: str = MARK) -> list[Column]:
    """The columns of a table with a mark behind the name of each cell that is not accepted."""
    return [_marked(column, rows, failed, mark) for column in columns] if failed else list(columns)


def _marked(column: Column, rows: Sequence[Row], failed: Failed, mark: str) -> Column:
    names = [_names(row, failed) for row in rows]
    if any(column.names):
        values = [
            _mark(value, those, mark) if is_name and isinstance(value, str) else value
            for value, is_name, those in zip(column.values, column.names, names, strict=True)
        ]
        return replace(column, values=values)
    return replace(column, before=[_mark(text, those, mark) for text, those in zip(column.before, names, strict=False)])


def _names(row: Row, failed: Failed) -> list[str]:
    """The failed cells of a row's task."""
    return [cell for task, cell in failed if row.task in (None, task)]


def _mark(text: str, names: Iterable[str], mark: str) -> str:
    for name in names:
        text = re.sub(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", f"{name}{mark}", text)
    return text


def note_of(note: str, failed: Failed) -> str:
    """A note below a table, with a sentence on what is marked."""
    if not failed:
        return note
    cells = "; ".join(f"`{cell}`, task {task}: {', '.join(reasons)}" for (task, cell), reasons in failed.items())
    return f"{note} {MARK} Not accepted, since it is too far from its float parent: {cells}.".strip()
