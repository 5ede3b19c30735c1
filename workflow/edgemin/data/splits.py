"""Rows -> train, validation and test: stratified, seeded, without a text in two splits."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from datasets import DatasetDict

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.data.carving import carve
from edgemin.data.duplicates import deduplicate, repeats, report_of, without
from edgemin.data.formats.columnar import CLASSES
from edgemin.data.reading import read_source
from edgemin.data.rows import to_rows
from edgemin.data.store import TaskData, to_dataset
from edgemin.study.names import spelt
from edgemin.study.task import SPLITS, Task

__all__ = ["carve", "check_labels_differ", "deduplicate", "prepare"]


def prepare(task: Task, download: Path | None = None) -> TaskData:
    """Read, clean and split a task's data. Raises EdgeminError with file, column and remedy."""
    kind, labels = task.asks, task.asks.labels()
    rows, dropped = {}, {}
    tables = read_source(task.source, download)
    for split, table in tables.items():
        rows[split], dropped[split] = to_rows(table, task, f"{split} split")
        rows[split].insert(0, "id", [f"{split}-{number}" for number in range(len(rows[split]))])
    names = labels.names(_named(task, tables["train"], rows["train"]["label"]), rows["train"]["label"])
    by_name = labels.by_name(rows["train"]["label"], names)
    for split, table in rows.items():
        table["label"] = labels.encode(table["label"], names, by_name, f"{split} split")
    repeated = repeats(rows, classes=names is not None)
    duplicates = report_of(rows, repeated, labels, names)
    rows = carve(without(rows, repeated), task.splits, kind, names)
    for split in SPLITS:
        if not len(rows[split]):
            raise EdgeminError(f"{split} split: no rows are left; check the source and the de-duplication")
    labels.check(rows["train"]["label"], names)
    for split in SPLITS[1:]:
        check_labels_differ(rows[split]["label"], task, names, f"{split} split")
    report = {
        "rows": {split: len(rows[split]) for split in SPLITS},
        "in_dead_zone": sum(dropped.values()),
        "duplicates_dropped": {split: duplicates.get(split, {}).get("rows", 0) for split in repeated},
        "duplicates": duplicates,
        "label_names": names,
        "labels_are": None if names is None else "names" if by_name else "indices",
        "classes": {split: labels.counts(rows[split]["label"]) for split in SPLITS} if names else None,
    }
    return TaskData(DatasetDict({split: to_dataset(rows[split], kind, names) for split in SPLITS}), names, report)


def _named(task: Task, table: pd.DataFrame, labels: pd.Series) -> Task:
    """The task with the class names and the class order of the file, if the study gives none."""
    names = table.attrs.get(CLASSES, {}).get(task.label) if isinstance(task.label, str) else None
    if task.label_names or not names or not task.asks.classes:
        return task
    there = set(labels)
    used = [name for name in names if spelt(name) in there]
    return task.model_copy(update={"label_names": used}) if len(used) > 1 else task


def check_labels_differ(values: pd.Series, task: Task, names: list[str] | None, where: str) -> None:
    """Raises EdgeminError if all labels are alike and the metric is undefined then; a line in the log if it is not."""
    if values.map(str).nunique() != 1:
        return
    label = values.iloc[0]
    only = f"class '{line(names[int(label)])}'" if names and task.asks.classes else f"label {label}"
    if task.asks.metric(task.metric).differing:
        raise EdgeminError(
            f"{where}: has one class only: all {len(values)} rows are of {only}, and {task.metric} is undefined then; add rows of others"
            if names
            else f"{where}: has one value only: all {len(values)} rows have {only}, and {task.metric} is undefined then; add other rows"
        )
    logging.warning("%s: has one class only: all %d rows are of %s", where, len(values), only)
