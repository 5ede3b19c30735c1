"""The tables of the page: what a person reads of the Markdown form, and of the CSV form which cell a row is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.report.markup import MISSING

_NUMBER = re.compile(r"[<+−-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")
_REPEATED = ("runtime", "control", "reference")
"""Columns that the Markdown form leaves empty where the row above says the same: a sorted table needs them."""
_SENSITIVITY = "Every point of every sweep, on validation, without any training after the cut. ratio: the share that was cut; random: the floor."


@dataclass(frozen=True)
class Cell:
    text: str
    strong: bool
    """The best of its block, by more than the interval."""
    number: float | None
    """What to sort by: the point estimate. None for text and for what is missing."""


@dataclass(frozen=True)
class Row:
    cells: list[Cell]
    cell: str | None
    """Name of the study's cell; None where the row is none."""
    runtime: str | None
    task: str | None
    starts: bool
    """A block begins here."""


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    columns: list[str]
    numeric: list[bool]
    rows: list[Row]
    note: str

    def values(self, row: Row) -> Iterator[tuple[Cell, str, bool]]:
        """Cell, column and whether that is numeric."""
        return zip(row.cells, self.columns, self.numeric, strict=True)


def read_table(folder: Path, name: str, runtime: str | None = None) -> Table:
    """Of {name}.csv and, if there is one, {name}.md.

    runtime: of all rows, where the CSV form has no such column. Raises EdgeminError if the two forms differ in their rows.
    """
    found = pd.read_csv(folder / f"{name}.csv")
    markdown = folder / f"{name}.md"
    if markdown.exists():
        title, columns, texts, note = parse_markdown(markdown.read_text(encoding="utf-8"))
    else:
        title, note = name.capitalize(), _SENSITIVITY
        columns, texts = list(found), [[_plain(value) for value in row] for row in found.itertuples(index=False)]
    if len(texts) != len(found):
        raise EdgeminError(f"{markdown}: {len(texts)} rows, but {name}.csv has {len(found)}; delete both and run snakemake again")
    for column in (column for column in _REPEATED if column in columns and column in found):
        at = columns.index(column)
        for text, value in zip(texts, found[column], strict=True):
            text[at] = text[at] or str(value)
    numeric = [_is_numeric([text[at] for text in texts]) for at in range(len(columns))]
    rows = []
    names = found.astype(object).where(found.notna(), None)
    before: tuple | None = None
    for text, (_, row) in zip(texts, names.iterrows(), strict=True):
        block = tuple(row.get(column) for column in ("task", "runtime", "control", "reference"))
        cells = [_cell(one, number) for one, number in zip(text, numeric, strict=True)]
        rows.append(Row(cells, row.get("cell"), row.get("runtime") or runtime, row.get("task"), before not in (None, block)))
        before = block
    return Table(name, title.split(":")[0], columns, numeric, rows, note)


def parse_markdown(text: str) -> tuple[str, list[str], list[list[str]], str]:
    """Title, columns, rows and note of what `markup.markdown` wrote; what is to be read first begins the note.

    Cells are cut where the ruler has its bars, so that a bar inside a cell does no harm.
    """
    lines = text.splitlines()
    ruler = next((number for number, line in enumerate(lines) if re.fullmatch(r"\|(-+\|)+", line)), None)
    if not ruler:
        raise EdgeminError("a table's Markdown form has no pipe table; delete it and run snakemake again")
    bars = [at for at, character in enumerate(lines[ruler]) if character == "|"]
    end = next((number for number in range(ruler, len(lines)) if not lines[number].startswith("|")), len(lines))
    cut = [
        [line[left + 1 : right].strip() for left, right in pairwise(bars)] for line in (lines[ruler - 1], *lines[ruler + 1 : end])
    ]
    first, note = ("\n".join(part).strip() for part in (lines[1 : ruler - 1], lines[end:]))
    return lines[0].removeprefix("# "), cut[0], cut[1:], f"{first}\n\n{note}".strip()


def point_estimate(text: str) -> float | None:
    """The number that a cell begins with: −0.65 of `−0.65 [−1.95, +0.60]`, 2.63 of `2.63× […]`, just below 0.001 of `<0.001`."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    number = float(found.group().replace("−", "-").replace(",", "").lstrip("<"))
    return number * (1 - 1e-9) if text.startswith("<") else number


def _cell(text: str, numeric: bool) -> Cell:
    strong = text.startswith("**") and text.endswith("**") and len(text) > 4
    text = (text[2:-2] if strong else text) or ""
    return Cell(text, strong, point_estimate(text) if numeric else None)


def _is_numeric(texts: list[str]) -> bool:
    """Whether every cell that says something begins with a number."""
    told = [text.strip("*") for text in texts if text not in ("", MISSING)]
    return bool(told) and all(point_estimate(text) is not None for text in told)


def _plain(value: object) -> str:
    return MISSING if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else str(value)
