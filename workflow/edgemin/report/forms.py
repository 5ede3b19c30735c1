"""The files of a table: numbers as they are in CSV, and what is read of them as Markdown, LaTeX and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.files import whole_file
from edgemin.report import kernels
from edgemin.report.acceptance.marks import failed_of, marked, note_of, noted
from edgemin.report.columns import rows_of
from edgemin.report.markup import latex, markdown
from edgemin.report.sheet import Column, Sheet
from edgemin.report.statistics.twoway import FEWEST_SEEDS
from edgemin.study.table import Table


def write_table(
    table: Table, spec: Mapping[str, Any], folder: Path, frame: pd.DataFrame, columns: Sequence[Column], note: str
) -> None:
    """Write {name}.{form} to the folder, for each of the table's `forms`.

    spec: of its job, with `study`, and with `runtime` where that is the same for all rows. frame: unrounded numbers, for CSV; `cell`, `runtime`
    and `task` say what each row is about. columns: what is read, of the same rows. note: below the table. Cells that are not accepted, by the
    files `acceptance` of the spec, are marked; where some are judged CSV has a last column, `accepted`, empty where a row is of no cell. So are those that ask for
    kernels of sparse weights and were timed without; then CSV has `sparse_kernel`.
    """
    failed, asked = failed_of(spec.get("acceptance", ())), kernels.kernels_of(spec)
    rows = noted(rows_of(frame, spec.get("runtime")), failed)
    if "cell" in frame and any(Path(file).exists() for file in spec.get("acceptance", ())):
        frame = frame.assign(accepted=[None if row.cell is None else row.accepted for row in rows])
    if "cell" in frame and asked:
        frame = frame.assign(**{kernels.COLUMN: kernels.column_of(rows, asked)})
    with_marks = marked(marked(columns, rows, failed), rows, kernels.dense(asked), kernels.MARK)
    below = kernels.note_of(note_of(note, failed), asked)
    write_forms(
        folder, frame, Sheet(table.name, table.title, spec["study"], with_marks, rows, below, read_first(frame)), table.forms
    )


def write_forms(folder: Path, frame: pd.DataFrame, sheet: Sheet, forms: Iterable[str]) -> None:
    """Write {name}.{form} for each of the forms: csv, md, tex, json."""
    for form in forms:
        with whole_file(folder / f"{sheet.name}.{form}") as partial:
            if form == "csv":
                frame.to_csv(partial, index=False)
            else:
                partial.write_text(_WRITERS[form](sheet), encoding="utf-8")


def as_json(sheet: Sheet) -> str:
    """`Sheet.content`, on one line."""
    return json.dumps(sheet.content(), ensure_ascii=False, allow_nan=False) + "\n"


_WRITERS = {"md": markdown, "tex": latex, "json": as_json}


def read_first(frame: pd.DataFrame) -> str:
    """What a table of few seeds cannot show. A table without a column `seeds` says nothing."""
    seeds = int(frame["seeds"].max()) if "seeds" in frame and len(frame) else FEWEST_SEEDS
    if seeds >= FEWEST_SEEDS:
        return ""
    return (
        f"{'One seed' if seeds == 1 else f'{seeds} seeds'}: with others, or on another processor, every row would move, and by how much cannot "
        f"be seen here. A table of methods takes {FEWEST_SEEDS} seeds or more: make evidence."
    )
