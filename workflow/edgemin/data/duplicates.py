"""Duplicate rows: which rows repeat a text, of which class they are, and when there are too many."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.data.keys import answers_of, exact_of
from edgemin.study.kind import Labels
from edgemin.study.task import SPLITS

Rows = dict[str, pd.DataFrame]
Row = tuple[str, int]
"""Split and position."""


def repeats(rows: Rows, classes: bool = True) -> dict[str, list[Row | None]]:
    """For each row of each split, the row that it repeats. None for a row that is kept.

    Test has priority over validation, validation over train. Repeats inside a given test or validation split are kept: they are
    part of the benchmark. A row repeats another if the texts are equal, or loosely equal with the same class. Loosely equal
    texts with different classes may differ by case on purpose. classes: whether labels are classes.
    """
    met: tuple[dict[str, Row], dict[str, Row]] = ({}, {})
    repeated: dict[str, list[Row | None]] = {}
    for split in (split for split in reversed(SPLITS) if split in rows):
        of_split: tuple[dict[str, Row], dict[str, Row]] = ({}, {}) if split != "train" else met
        repeated[split] = []
        for position, keys in enumerate(zip(exact_of(rows[split]), answers_of(rows[split], classes), strict=True)):
            like = next((seen[key] for seen, key in zip(met, keys, strict=True) if key in seen), None)
            repeated[split].append(like)
            if like is None or split != "train":
                for seen, key in zip(of_split, keys, strict=True):
                    seen.setdefault(key, (split, position))
        for seen, more in zip(met, of_split, strict=True):
            seen.update({key: row for key, row in more.items() if key not in seen})
    return repeated


def deduplicate(rows: Rows, classes: bool = True) -> tuple[Rows, dict[str, int]]:
    """The rows without repeats (see `repeats`), and how many rows each split lost."""
    return without(rows, repeated := repeats(rows, classes)), {split: sum(map(bool, likes)) for split, likes in repeated.items()}


def without(rows: Rows, repeated: dict[str, list[Row | None]]) -> Rows:
    """The rows that are kept, numbered anew. repeated: result of `repeats`."""
    return {split: rows[split][~_repeated(likes)].reset_index(drop=True) for split, likes in repeated.items()}


def _repeated(likes: list[Row | None]) -> np.ndarray:
    return np.array([like is not None for like in likes], dtype=bool)


def report_of(rows: Rows, repeated: dict[str, list[Row | None]], labels: Labels, names: list[str] | None) -> dict[str, Any]:
    """A report for each split that loses rows: how many, of which class, how many with another class than the kept row, and
    an example. It is logged too.

    rows: before removal. Raises EdgeminError if a class loses more than half of its rows in a split.
    """
    report = {}
    for split, likes in repeated.items():
        table = rows[split]
        gone = table[_repeated(likes)]
        if gone.empty:
            continue
        example = _example(rows, split, likes)
        counts = _by_class(gone, labels, names)
        _check(split, counts, _by_class(table, labels, names), example)
        contrary = _contrary(rows, split, likes) if names else 0
        report[split] = {"rows": len(gone), "of": len(table), "classes": counts, "contrary": contrary, "example": example}
        classes = f" ({', '.join(f'{name}: {count}' for name, count in counts.items())})" if counts else ""
        logging.warning("%s split: %d of %d rows are dropped as duplicates%s: %s", split, len(gone), len(table), classes, example)
        if contrary:
            logging.warning(
                "%s split: %d of these rows have another label than the one that is kept; check which is right", split, contrary
            )
    return report


def _contrary(rows: Rows, split: str, likes: list[Row | None]) -> int:
    """Rows of the same text as another, and of another class."""
    pairs = ((rows[split]["label"].iloc[at], like) for at, like in enumerate(likes) if like is not None)
    return sum(bool(np.any(label != rows[like[0]]["label"].iloc[like[1]])) for label, like in pairs)


def _by_class(table: pd.DataFrame, labels: Labels, names: list[str] | None) -> dict[str, int]:
    """Rows by the name of their class, without classes that have none; nothing for a kind of task without classes."""
    counts = labels.counts(table["label"]) if names and len(table) else None
    return {line(names[int(index)]): int(count) for index, count in (counts or {}).items() if count} if names else {}


def _example(rows: Rows, split: str, likes: list[Row | None]) -> str:
    position = next(number for number, like in enumerate(likes) if like is not None)
    other, place = likes[position] or ("", 0)
    ours, theirs = (rows[name].iloc[number] for name, number in ((split, position), (other, place)))
    return f"{_called(ours, split, position)} is taken for {_called(theirs, other, place)}"


def _called(row: pd.Series, split: str, position: int) -> str:
    text = " / ".join(row[name] for name in ("text", "pair") if name in row)
    return f"{row.get('id', f'{split}-{position}')} '{line(text)[:60]}'"


def _check(split: str, gone: dict[str, int], all_of: dict[str, int], example: str) -> None:
    for name, count in gone.items():
        if 2 * count > all_of[name]:
            raise EdgeminError(
                f"{split} split: class '{name}' loses {count} of its {all_of[name]} rows as duplicates, since {example}; remove repeated "
                "texts from the files, or correct the text column"
            )
