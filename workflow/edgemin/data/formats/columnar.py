"""Parquet, Arrow files, and folders of data sets that were saved -> tables, with all of their columns and no index."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edgemin.study.formats import parts_of

_END = b"\xff\xff\xff\xff\0\0\0\0"
"""The last bytes of a stream of Arrow's; without them one that is cut off between its parts would be read as a shorter one."""


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
    return pa.table(columns, names=table.column_names).to_pandas(integer_object_nulls=True)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values themselves, of a column that holds each one once and refers to it."""
    while pa.types.is_dictionary(column.type) or pa.types.is_run_end_encoded(column.type):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        else:
            column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], column.type.value_type)
    return column
