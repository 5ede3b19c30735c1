"""Read memory-mapped Arrow files, as `data.store` and `data.tokenizing` write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from edgemin.core.errors import EdgeminError

if TYPE_CHECKING:
    import pandas as pd

FACTS = b"edgemin"
"""Metadata key of a schema for the writer's facts."""
_END = b"\xff\xff\xff\xff\0\0\0\0"
"""The last bytes of an Arrow stream. Without this check, a file truncated between its parts would read as a shorter one."""


def read_table(file: Path) -> pa.Table:
    """Memory-mapped. Raises EdgeminError for an unreadable file."""
    try:
        with pa.memory_map(str(file)) as source:
            if source.size() < len(_END) or source.read_at(len(_END), source.size() - len(_END)) != _END:
                raise ValueError("it breaks off")
            table = pa.ipc.open_stream(source).read_all()
        table.validate(full=True)  # of damaged offsets one would read anywhere in memory
        return table
    except (OSError, ValueError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise EdgeminError(f"{file}: not readable ({error}); delete it and run snakemake again") from None


def facts_of(table: pa.Table) -> Mapping[str, Any]:
    """The facts that were stored when the file was written."""
    facts: Mapping[str, Any] = json.loads((table.schema.metadata or {}).get(FACTS, b"{}"))
    return facts


def read_rows(file: Path) -> pd.DataFrame:
    """Columns id, text[, pair], label (null where a transfer set has none). Raises EdgeminError for an unreadable file."""
    return read_table(file).to_pandas()
