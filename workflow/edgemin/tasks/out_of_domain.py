"""Test sets of other kinds of text than the task's own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from edgemin.config.study import Task, TestSet
from edgemin.errors import EdgeminError
from edgemin.tasks import store
from edgemin.tasks.keys import keys_of
from edgemin.tasks.rows import read_source, to_class_ids, to_rows


def prepare(task: Task, name: str, test: TestSet, data: Path, download: Path | None) -> pd.DataFrame:
    """Columns id, text[, pair], label. The source's test split, or its only one; texts that were trained on are left out.

    Raises EdgeminError with file, column and remedy.
    """
    like = task.model_copy(update={"text": test.text or task.text, "label": test.label or task.label})
    tables = read_source(test.source, download)
    where = f"out_of_domain.{name}"
    rows, _ = to_rows(tables.get("test", tables["train"]), like, where)
    names = store.label_names(data)
    if names:
        rows["label"] = to_class_ids(rows["label"], names, by_name=set(rows["label"]) <= set(names), where=where)
    rows = rows[~keys_of(rows).isin(keys_of(store.read_split(data, "train")))].reset_index(drop=True)
    if rows.empty:
        raise EdgeminError(f"{where}: no rows are left, since all of them are in the training split; name another source")
    rows.insert(0, "id", [f"{name}-{number}" for number in range(len(rows))])
    return rows
