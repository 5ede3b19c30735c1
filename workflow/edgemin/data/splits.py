"""Rows -> train, validation and test: stratified, seeded, without a text in two splits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from datasets import DatasetDict

from edgemin.core.errors import EdgeminError
from edgemin.data.keys import keys_of
from edgemin.data.reading import read_source
from edgemin.data.rows import to_rows
from edgemin.data.store import TaskData, to_dataset
from edgemin.study.kind import Kind
from edgemin.study.task import SPLITS, Splits, Task


def prepare(task: Task, download: Path | None = None) -> TaskData:
    """Read, clean and split a task's data. Raises EdgeminError with file, column and remedy."""
    kind, labels = task.asks, task.asks.labels()
    rows, dropped = {}, {}
    for split, table in read_source(task.source, download).items():
        rows[split], dropped[split] = to_rows(table, task, f"{split} split")
        rows[split].insert(0, "id", [f"{split}-{number}" for number in range(len(rows[split]))])
    names = labels.names(task, rows["train"]["label"])
    by_name = labels.by_name(rows["train"]["label"], names)
    for split, table in rows.items():
        table["label"] = labels.encode(table["label"], names, by_name, f"{split} split")
    rows, duplicates = deduplicate(rows)
    rows = carve(rows, task.splits, kind)
    for split in SPLITS:
        if not len(rows[split]):
            raise EdgeminError(f"{split} split: no rows are left; check the source and the de-duplication")
    labels.check(rows["train"]["label"], names)
    report = {
        "rows": {split: len(rows[split]) for split in SPLITS},
        "in_dead_zone": sum(dropped.values()),
        "duplicates_dropped": duplicates,
        "label_names": names,
        "classes": {split: labels.counts(rows[split]["label"]) for split in SPLITS} if names else None,
    }
    return TaskData(DatasetDict({split: to_dataset(rows[split], kind, names) for split in SPLITS}), names, report)


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


def carve(rows: dict[str, pd.DataFrame], sizes: Splits, kind: Kind) -> dict[str, pd.DataFrame]:
    """Take the splits that are missing out of `train`: test first, then validation; then cut train to its limit."""
    rows = dict(rows)
    for split, size in (("test", sizes.test), ("validation", sizes.validation)):
        if split in rows:
            continue
        if size >= len(rows["train"]):
            raise EdgeminError(
                f"splits.{split}: {size} rows asked for, the training data has {len(rows['train'])}; ask for fewer"
            )
        rows["train"], rows[split] = _drawn(rows["train"], split, size, sizes.seed, kind)
    if sizes.train is not None and sizes.train < len(rows["train"]):
        _, rows["train"] = _drawn(rows["train"], "train", sizes.train, sizes.seed, kind)
    return rows


def _drawn(rows: pd.DataFrame, split: str, size: int, seed: int, kind: Kind) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(what is left, `size` rows), each in the order of the rows."""
    from sklearn.model_selection import train_test_split

    try:
        rest, taken = train_test_split(rows, test_size=size, random_state=seed, stratify=kind.labels().strata(rows["label"]))
    except ValueError as error:
        raise EdgeminError(
            f"splits.{split}: cannot draw {size} rows stratified by label ({error}); drop or merge rare classes"
        ) from None
    return rest.sort_index().reset_index(drop=True), taken.sort_index().reset_index(drop=True)
