"""Tables -> rows: columns of text and a label."""

from __future__ import annotations

from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.data.numbers import numbers_of
from edgemin.data.values import each, plain, refusal
from edgemin.study.task import SignOf, Task


def _check_columns(table: pd.DataFrame, columns: list[str], where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise EdgeminError(
                f"{where}: no column '{column}'; it has: {line(', '.join(map(str, table.columns)))[:200]}. Correct text or label in the study, "
                "or, where the first line is no header, give the file its `columns`"
            )
        if isinstance(table[column], pd.DataFrame):
            raise EdgeminError(f"{where}: column '{column}' appears twice; drop or rename one")


def texts_of(table: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
    """Columns `text` (and `pair`) with collapsed white space. Bytes are read as UTF-8.

    Raises EdgeminError for a missing column, an empty text, and a value that is no text. Numbers, lists and dates are not
    converted.
    """
    _check_columns(table, columns, where)
    rows = pd.DataFrame(
        {
            name: pd.Series(each(table[column], _text, where, column), dtype="str")
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


def _text(value: Any) -> str:
    """A text with white space collapsed, as a bundle does; empty where there is none."""
    value = plain(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refusal(value, "a text; write the column as text, or name another one in the study")
    return " ".join(value.split())


def _ratings(table: pd.DataFrame, column: str, where: str) -> pd.Series:
    return numbers_of(pd.Series(each(table[column], plain, where, column), dtype=object), where, column)


def dead_zone_texts(table: pd.DataFrame, task: Task) -> pd.DataFrame:
    """The texts of a task's rows whose rating is too near zero to count as a label."""
    assert isinstance(task.label, SignOf)
    ratings = _ratings(table, task.label.sign_of, "dead zone").abs()
    return texts_of(
        table[(ratings < task.label.dead_zone) | (ratings == 0)].reset_index(drop=True), task.text_columns, "dead zone"
    )


def to_rows(table: pd.DataFrame, task: Task, where: str) -> tuple[pd.DataFrame, int]:
    """Columns `text` (and `pair`), `label` (as the kind of task reads it) and how many rows a dead zone dropped.

    Raises EdgeminError for a missing column, a value that is no text, an empty text or an unreadable label.
    """
    label_column = task.label.sign_of if isinstance(task.label, SignOf) else task.label
    _check_columns(table, [*task.text_columns, label_column], where)
    rows = texts_of(table, task.text_columns, where)
    values = pd.Series(each(table[label_column], plain, where, label_column), dtype=object)
    missing = values.index[values.map(lambda value: value is None or (isinstance(value, str) and not value.strip())).astype(bool)]
    if len(missing):
        raise EdgeminError(
            f"{where}: column '{label_column}': {len(missing)} rows without a label, the first in data row {missing[0] + 1}; remove them"
        )
    if not isinstance(task.label, SignOf):
        rows["label"] = task.asks.labels().read(values, where, label_column)
        return rows, 0
    numbers = numbers_of(values, where, label_column)
    keep = (numbers.abs() >= task.label.dead_zone) & (numbers != 0)
    rows["label"] = (numbers > 0).astype(int).astype(str)
    return rows[keep].reset_index(drop=True), int((~keep).sum())
