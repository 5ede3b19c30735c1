"""The tables of the page, as their JSON form has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report.sheet import PARTS


def read_table(folder: Path, name: str) -> dict[str, Any]:
    """`Sheet.content` of {name}.json. Raises EdgeminError for a file that another version wrote, or none."""
    file = folder / f"{name}.json"
    table: dict[str, Any] = read_json(file)
    if not isinstance(table, dict) or set(table) != set(PARTS):
        raise EdgeminError(f"{file}: is no table of this version; delete it and run snakemake again")
    return table
