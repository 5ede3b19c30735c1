"""Rows of a CSV or of JSON lines, as a bundle reads them. These functions are copied into `predict.py`, whose names they use."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgemin.deploy.predict import BundleError, Row, _decoded, _raw, clean, read_texts, split


def read(arguments: argparse.Namespace, pairs: bool) -> list[Row | None]:
    """What was asked for, row by row; None for an empty one. pairs: the model reads two texts."""
    form = arguments.format or {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(
        Path(arguments.file or "").suffix, "lines"
    )
    if form == "lines" or arguments.text:
        return rows_of(read_texts(arguments), pairs)
    columns = arguments.columns.split(",") if arguments.columns else ["text", "pair"] if pairs else ["text"]
    if len(columns) != 1 + pairs:
        raise BundleError(
            f"--columns: this model reads {'two texts: name two columns' if pairs else 'one text: name one column'}"
        )
    return read_rows(_decoded(_raw(arguments.file)), form, columns)


def rows_of(lines: Sequence[str], pairs: bool) -> list[Row | None]:
    """Lines of text as rows. Raises BundleError, with its number, for a line that cannot be read."""
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(split(line, pairs))
        except BundleError as error:
            raise BundleError(f"text {number}: {error}") from None
    return rows


def read_rows(text: str, form: str, columns: Sequence[str]) -> list[Row | None]:
    """Rows of a CSV or of JSON lines: the columns of the text, or of both texts of a pair; None where all of them are empty.

    Raises BundleError for a row without one of them, or with half a pair.
    """
    import csv

    reader: Any = csv.DictReader(text.splitlines(keepends=True)) if form == "csv" else _objects(text)
    found: list[Row | None] = []
    for number, row in enumerate(reader, 1):
        if lacking := [name for name in columns if not isinstance(row.get(name), str)]:
            raise BundleError(
                f"row {number}: no text in column '{lacking[0]}'; it has {', '.join(map(str, row))}; name others with --columns"
            )
        parts = [row[name] for name in columns]
        if any(map(clean, parts)) and not all(map(clean, parts)):
            raise BundleError(f"row {number}: one of the two texts is empty; give at least a word")
        found.append((parts[0], parts[1] if len(parts) > 1 else None) if any(map(clean, parts)) else None)
    if not any(found):
        raise BundleError("no text in the input")
    return found


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BundleError(f"line {number}: no JSON ({error})") from None
        if not isinstance(row, dict):
            raise BundleError(f"line {number}: no JSON object with columns")
        yield row
