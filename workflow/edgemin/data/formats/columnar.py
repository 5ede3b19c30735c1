"""Parquet, Arrow files, and folders of data sets that were saved -> tables, with all of their columns and no index."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edgemin.study.formats import parts_of

CLASSES = "class_names"
"""A table's attribute: by column, the names of its classes in their own order; the values are names then."""

_END = b"\xff\xff\xff\xff\0\0\0\0"
"""The last bytes of an Arrow stream. Without this check, a stream truncated between its parts would read as a shorter one."""


def read_parquet(data: bytes) -> pd.DataFrame:
    """Raises ValueError and what pyarrow raises for a damaged file."""
    return _plain(pq.read_table(pa.BufferReader(data)))


def read_arrow(data: bytes) -> pd.DataFrame:
    """A file or a stream of Arrow's; Feather of version 2 is one. Raises ValueError and what pyarrow raises for a damaged one."""
    return _plain(_arrow(data))


def read_saved(folder: Path) -> pd.DataFrame:
    """A data set as `save_to_disk` writes it, all of its parts in order. Raises ValueError for one that is not whole, OSError for missing parts."""
    return _plain(pa.concat_tables([_arrow(part.read_bytes()) for part in parts_of(folder)]))


def _arrow(data: bytes) -> pa.Table:
    if data.startswith(b"ARROW1"):
        return pa.ipc.open_file(pa.BufferReader(data)).read_all()
    if not data.endswith(_END):
        raise ValueError("it breaks off, or is no Arrow file")
    return pa.ipc.open_stream(pa.BufferReader(data)).read_all()


def _plain(table: pa.Table) -> pd.DataFrame:
    """What pandas notes of an index is left out, so that an index is a column as any other. Whole numbers stay whole beside missing ones."""
    table.validate(full=True)  # pandas would find broken texts when they are used
    columns = [_decoded(column) for column in table.columns]
    frame = pa.table(columns, names=table.column_names).to_pandas(integer_object_nulls=True)
    frame.attrs[CLASSES] = classes = _class_names(table)
    for column, names in classes.items():
        frame[column] = [_named(index, names) for index in frame[column]]
    return frame


def _class_names(table: pa.Table) -> dict[str, list[str]]:
    """Per column, the class names of its numbers, from the metadata of Hugging Face `datasets`. Names equal to the numbers are ignored."""
    try:
        noted = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"].items()
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {
        column: feature["names"]
        for column, feature in noted
        if table.column_names.count(column) == 1
        and pa.types.is_integer(table.schema.field(column).type)
        and isinstance(feature, dict)
        and feature.get("_type") == "ClassLabel"
        and feature.get("names")
        and feature["names"] != [str(index) for index in range(len(feature["names"]))]
    }


def _named(index: int | None, names: list[str]) -> str | None:
    """-1 is no label, as in the unlabelled test splits of a benchmark. Raises ValueError for an index beyond the names."""
    if index is None or index == -1:
        return None
    if not 0 <= index < len(names):
        raise ValueError(f"class {index} of {len(names)} that its features name")
    return names[index]


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values themselves, of a column that holds each one once and refers to it."""
    while pa.types.is_dictionary(column.type) or pa.types.is_run_end_encoded(column.type):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        else:
            column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], column.type.value_type)
    return column
