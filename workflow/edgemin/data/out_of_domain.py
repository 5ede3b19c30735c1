"""Test sets of other kinds of text than the task's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.keys import keys_of
from edgemin.data.reading import read_source
from edgemin.data.rows import to_rows
from edgemin.data.splits import check_labels_differ
from edgemin.study.task import Task, TestSet

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

    from edgemin.study.kind import Labels


def prepare(task: Task, name: str, test: TestSet, data: Path, download: Path | None) -> Dataset:
    """Columns id, text[, pair], label. The source's test split, or its only one; texts that were trained on are left out.

    Raises EdgeminError with file, column and remedy.
    """
    like = task.model_copy(update={"text": test.text or task.text, "label": test.label or task.label})
    tables = read_source(test.source, download)
    where = f"out_of_domain.{name}"
    rows, _ = to_rows(tables.get("test", tables["train"]), like, where)
    names, labels = store.label_names(data), task.asks.labels()
    rows["label"] = labels.encode(rows["label"], names, _by_name(rows["label"], names, labels, data), where)
    rows = rows[~keys_of(rows).isin(keys_of(store.read_split(data, "train")))].reset_index(drop=True)
    if rows.empty:
        raise EdgeminError(f"{where}: no rows are left, since all of them are in the training split; name another source")
    rows.insert(0, "id", [f"{name}-{number}" for number in range(len(rows))])
    check_labels_differ(rows["label"], task, names, where)
    return store.to_dataset(rows, task.asks, names)


def _by_name(values: pd.Series, names: list[str] | None, labels: Labels, data: Path) -> bool:
    """Whether labels are names. What can be a name or an index is what the task's own labels are."""
    if names is None or not labels.by_name(values, names):
        return False
    indices = [str(index) for index in range(len(names))]
    return not (store.report(data).get("labels_are") == "indices" and labels.by_name(values, indices))
