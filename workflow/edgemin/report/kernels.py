"""Cells that ask for kernels of sparse weights, and whether the CPU that timed them has any: a mark and a note where it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.files import read_json
from edgemin.report.sheet import Row
from edgemin.runtimes.openvino.sparse import FLAG
from edgemin.study.table import LATENCY, rows_of

MARK = "‡"
COLUMN = "sparse_kernel"
"""Of CSV: true, false, or empty where a cell asks for none."""
Kernels = Mapping[tuple[str, str], bool]
"""(task, cell) -> whether each CPU that timed it has the kernel. Where one has it and no layer ran in it, timing had failed."""


def kernels_of(spec: Mapping[str, Any]) -> dict[tuple[str, str], bool]:
    """Of the rows of a table's spec. What is not timed says nothing."""
    kernels: dict[tuple[str, str], bool] = {}
    for seed in (seed for row in rows_of(spec) for seed in row.get("seeds", ()) if seed.get("sparse")):
        file = Path(seed["folder"], LATENCY)
        if file.exists():
            cell = (seed["task"], seed["cell"])
            kernels[cell] = kernels.get(cell, True) and FLAG in read_json(file)["host"]["flags"]
    return kernels


def dense(kernels: Kernels) -> dict[tuple[str, str], Sequence[str]]:
    """The cells that dense kernels ran, in the form of `acceptance.marks.Failed`."""
    return {cell: () for cell, there in kernels.items() if not there}


def column_of(rows: Sequence[Row], kernels: Kernels) -> list[bool | None]:
    """The values of `COLUMN`."""
    return [
        next((there for (task, cell), there in kernels.items() if row.cell == cell and row.task in (None, task)), None)
        for row in rows
    ]


def dense_in(table: pd.DataFrame) -> pd.Series:
    """(rows,) bool: of a table's CSV, which rows are of cells that dense kernels ran."""
    return table[COLUMN].eq(False) if COLUMN in table else pd.Series(False, index=table.index)


def note_of(note: str, kernels: Kernels) -> str:
    """A note below a table, with a sentence on what is marked."""
    if not (cells := dense(kernels)):
        return note
    names = ", ".join(f"`{cell}`" for cell in dict.fromkeys(cell for _, cell in cells))
    return (
        f"{note} {MARK} Timed with dense kernels, as if no weight were zero: the CPU has no {FLAG}, which OpenVINO's kernel for sparse weights "
        f"needs: {names}."
    ).strip()
