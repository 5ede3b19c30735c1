"""Rows -> train, validation and test: stratified, seeded, without a text in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from edgemin.config.messages import line
from edgemin.config.study import SPLITS, SignOf, Splits, Task
from edgemin.errors import EdgeminError
from edgemin.tasks.keys import keys_of
from edgemin.tasks.rows import read_source, to_class_ids, to_rows
from edgemin.tasks.store import TaskData


def prepare(task: Task, download: Path | None = None) -> TaskData:
    """Read, clean and split a task's data. Raises EdgeminError with file, column and remedy."""
    raw = read_source(task.source, download)
    rows, dropped = {}, {}
    for split, table in raw.items():
        rows[split], dropped[split] = to_rows(table, task, f"{split} split")
        rows[split].insert(0, "id", [f"{split}-{number}" for number in range(len(rows[split]))])
    names = None if task.regression else _label_names(task, rows)
    if names:
        by_name = set(rows["train"]["label"]) <= set(names)
        for split, table in rows.items():
            table["label"] = to_class_ids(table["label"], names, by_name, f"{split} split")
    rows, duplicates = deduplicate(rows)
    rows = carve(rows, task.splits, stratify=not task.regression)
    _check(rows, names)
    report = {
        "rows": {split: len(rows[split]) for split in SPLITS},
        "in_dead_zone": sum(dropped.values()),
        "duplicates_dropped": duplicates,
        "label_names": names,
        "classes": {split: rows[split]["label"].value_counts().sort_index().to_dict() for split in SPLITS} if names else None,
    }
    return TaskData({split: rows[split] for split in SPLITS}, names, report)


def _label_names(task: Task, rows: dict[str, pd.DataFrame]) -> list[str]:
    if task.label_names:
        return list(task.label_names)
    if isinstance(task.label, SignOf):
        return ["negative", "positive"]
    values = sorted(set(rows["train"]["label"]), key=_by_number)
    if len(values) < 2:
        raise EdgeminError(f"train split: one label value only ({line(str(values))[:80]}); a classifier needs two")
    if len(values) > 1000:
        raise EdgeminError(f"train split: {len(values)} label values; for regression set metric: pearson or spearman")
    return values


def _by_number(name: str) -> tuple[bool, int, str]:
    """Sorts 2 before 10, and numbers before words."""
    number = name.isascii() and name.isdigit() and len(name) < 20
    return not number, int(name) if number else 0, name


def deduplicate(rows: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Drop rows whose normalised text stands in a stronger split already, or earlier in the same one.

    Test wins over validation, validation over train. Inside a test or validation split that the source gives, repeats
    stay: they are the benchmark. Returns the rows and how many each split lost.
    """
    seen: set[str] = set()
    kept, lost = {}, {}
    for split in reversed(SPLITS):
        if split not in rows:
            continue
        table = rows[split]
        keys = keys_of(table)
        repeat = keys.isin(seen)
        if split == "train":
            repeat |= keys.duplicated()
        kept[split] = table[~repeat].reset_index(drop=True)
        lost[split] = int(repeat.sum())
        seen.update(keys)
    return kept, lost


def carve(rows: dict[str, pd.DataFrame], sizes: Splits, stratify: bool) -> dict[str, pd.DataFrame]:
    """Take the splits that are missing out of `train`: test first, then validation; then cut train to its limit."""
    from sklearn.model_selection import train_test_split

    rows = dict(rows)
    for split, size in (("test", sizes.test), ("validation", sizes.validation), ("train", sizes.train)):
        train = rows["train"]
        if split in rows and split != "train":
            continue
        if split == "train":
            if size is None or size >= len(train):
                continue
        elif size is not None and size >= len(train):
            raise EdgeminError(f"splits.{split}: {size} rows asked for, the training data has {len(train)}; ask for fewer")
        try:
            rest, taken = train_test_split(
                train, test_size=size, random_state=sizes.seed, stratify=train["label"] if stratify else None
            )
        except ValueError as error:
            raise EdgeminError(
                f"splits.{split}: cannot draw {size} rows stratified by label ({error}); drop or merge rare classes"
            ) from None
        rows[split] = taken.sort_index().reset_index(drop=True)
        if split != "train":
            rows["train"] = rest.sort_index().reset_index(drop=True)
    return rows


def _check(rows: dict[str, pd.DataFrame], names: list[str] | None) -> None:
    for split in SPLITS:
        if not len(rows[split]):
            raise EdgeminError(f"{split} split: no rows are left; check the source and the de-duplication")
    if names:
        present = set(np.unique(rows["train"]["label"]))
        for index, name in enumerate(names):
            if index not in present:
                raise EdgeminError(f"train split: no row of class '{name}'; add some, or drop it from label_names")
