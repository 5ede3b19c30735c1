"""Rows on disk: one Arrow file per table, in the form of Hugging Face `datasets`, and the report of a task.

`datasets.Dataset.from_file("results/movies/data/movies/train.arrow")` opens one. Files are memory-mapped. No cache is written:
`Dataset.map`, which would write beside its input, is called only on rows in memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from edgemin.core.files import read_json, whole_file, whole_folder, write_json
from edgemin.data.arrow import FACTS, read_rows
from edgemin.study.kind import Kind
from edgemin.study.task import SPLITS

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset, DatasetDict

REPORT = "data.json"
MASKED = {"text": "masked", "pair": "masked_pair"}
"""Columns of a transfer set with masked words: the positions of the words of the text (and of the pair) to replace by a mask token."""


@dataclass
class TaskData:
    """The splits (columns id, text[, pair], label) and what is worth telling about them."""

    splits: DatasetDict
    label_names: list[str] | None
    report: dict[str, Any] = field(default_factory=dict)


def to_dataset(rows: pd.DataFrame, kind: Kind, label_names: list[str] | None) -> Dataset:
    """Rows (columns id, text[, pair], label[, masked][, masked_pair]) with the features of the task; a missing label is null."""
    from datasets import Dataset, Features, List, Value

    texts = {name: Value("string") for name in ("id", "text", "pair") if name in rows}
    masked = {name: List(Value("int32")) for name in MASKED.values() if name in rows}
    features = Features({**texts, "label": kind.labels().feature(label_names), **masked})
    if "label" not in rows:
        rows = rows.assign(label=None)
    table = pa.Table.from_pandas(rows[list(features)], schema=pa.schema(features.arrow_schema), preserve_index=False)
    return Dataset(table.replace_schema_metadata(features.arrow_schema.metadata))


def write_dataset(dataset: Dataset, file: Path | str, **facts: Any) -> None:
    """One file, one record batch, so that columns can be memory-mapped whole. facts: kept with the schema."""
    schema = dataset.features.arrow_schema
    schema = schema.with_metadata({**schema.metadata, FACTS: json.dumps(facts, sort_keys=True).encode()})
    table = dataset.data.table.cast(schema).combine_chunks()
    with whole_file(file) as partial, pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(table, max_chunksize=max(1, len(table)))


def write(data: TaskData, folder: Path) -> None:
    """{split}.arrow for every split, and data.json."""
    with whole_folder(folder) as partial:
        for split, rows in data.splits.items():
            write_dataset(rows, partial / f"{split}.arrow", label_names=data.label_names)
        write_json(partial / REPORT, data.report)


def read_split(folder: Path, split: str) -> pd.DataFrame:
    """Columns id, text[, pair], label. Raises EdgeminError for an unreadable file."""
    assert split in SPLITS
    return read_rows(folder / f"{split}.arrow")


def label_names(folder: Path) -> list[str] | None:
    """Class names by index; None for a kind of task without classes."""
    names: list[str] | None = report(folder)["label_names"]
    return names


def report(folder: Path) -> dict[str, Any]:
    """The report on the data of a task: counts, duplicates, label names."""
    contents: dict[str, Any] = read_json(folder / REPORT)
    return contents
