"""Tables -> rows: columns of text and a label."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.data.numbers import numbers_of
from edgemin.study.task import SignOf, Task


def _check_columns(table: pd.DataFrame, columns: list[str], where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise EdgeminError(
                f"{where}: no column '{column}'; it has: {line(', '.join(map(str, table.columns)))[:200]}. Correct text or label in the study"
            )
        if isinstance(table[column], pd.DataFrame):
            raise EdgeminError(f"{where}: column '{column}' stands twice; drop or rename one")


def texts_of(table: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
    """Columns `text` (and `pair`), white space collapsed. Raises EdgeminError for a missing column or an empty text."""
    _check_columns(table, columns, where)
    rows = pd.DataFrame(
        {
            name: pd.Series([_words(value) for value in table[column]], dtype="str")
            for name, column in zip(("text", "pair"), columns, strict=False)
        }
    )
    for name, column in zip(rows.columns, columns, strict=True):
        empty = rows.index[rows[name] == ""]
        if len(empty):
            raise EdgeminError(
                f"{where}: column '{column}': {len(empty)} empty texts, the first in data row {empty[0] + 1}; remove those rows"
            )
    return rows


def _words(value: Any) -> str:
    """A text with white space collapsed; empty for what is no text, or holds half a character (which no file could keep)."""
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    text = "" if missing else " ".join(str(value).split())
    return text.encode("utf-8", "replace").decode("utf-8")


def dead_zone_texts(table: pd.DataFrame, task: Task) -> pd.DataFrame:
    """The texts of a task's rows whose rating is too near zero to count as a label."""
    assert isinstance(task.label, SignOf)
    ratings = pd.to_numeric(table[task.label.sign_of], errors="coerce").abs()
    return texts_of(
        table[(ratings < task.label.dead_zone) | (ratings == 0)].reset_index(drop=True), task.text_columns, "dead zone"
    )


def to_rows(table: pd.DataFrame, task: Task, where: str) -> tuple[pd.DataFrame, int]:
    """Columns `text` (and `pair`), `label` (as the kind of task reads it) and how many rows a dead zone dropped.

    Raises EdgeminError for a missing column, empty text or an unreadable label.
    """
    label_column = task.label.sign_of if isinstance(task.label, SignOf) else task.label
    _check_columns(table, [*task.text_columns, label_column], where)
    rows = texts_of(table, task.text_columns, where)
    found = pd.Series([_label(value) for value in table[label_column]], dtype=object)
    missing = found.index[found.isna() | (found.astype(str).str.strip() == "")]
    if len(missing):
        raise EdgeminError(
            f"{where}: column '{label_column}': {len(missing)} rows without a label, the first in data row {missing[0] + 1}; remove them"
        )
    if not isinstance(task.label, SignOf):
        rows["label"] = task.asks.labels().read(found, where, label_column)
        return rows, 0
    numbers = numbers_of(found, where, label_column)
    keep = (numbers.abs() >= task.label.dead_zone) & (numbers != 0)
    rows["label"] = (numbers > 0).astype(int).astype(str)
    return rows[keep].reset_index(drop=True), int((~keep).sum())


def _label(value: Any) -> Any:
    return value if isinstance(value, str | float | int) else _words(value)
