"""Tables that may be damaged, read or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line


@contextmanager
def readable(file: Path, remedy: str) -> Iterator[None]:
    """Around what reads a CSV or a Parquet. Raises EdgeminError for a file that is missing, cut off or damaged."""
    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise EdgeminError(f"{file}: cannot be read ({line(str(error))}); {remedy}") from None
