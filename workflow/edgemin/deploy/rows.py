"""Texts, and rows of a CSV or of JSON lines, as a bundle reads them. These functions are copied into `predict.py`, whose names they use."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgemin.deploy.predict import BundleError, Row, _tell, clean, split


def read(arguments: argparse.Namespace, pairs: bool) -> list[Row | None]:
    """What was asked for, row by row; None for an empty one. pairs: the model reads two texts."""
    form = form_of(arguments)
    if form == "lines":
        return rows_of(read_texts(arguments), pairs)
    columns = arguments.columns.split(",") if arguments.columns else ["text", "pair"] if pairs else ["text"]
    if len(columns) != 1 + pairs:
        raise BundleError(
            f"--columns: this model reads {'two texts: name two columns' if pairs else 'one text: name one column'}"
        )
    return read_rows(_decoded(_raw(arguments.file)), form, columns)


def form_of(arguments: argparse.Namespace) -> str:
    """`csv`, `jsonl` or `lines`: what --format says, else the name of the file. Raises BundleError for a form that is not read, and for columns of
    lines, which have none."""
    known = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    others = {
        ".tsv": "columns between tabs are not read; save it as CSV, or add --format lines if each line is a text (of a pair, with a tab)",
        ".json": "one JSON document is not read; write JSON lines, or add --format jsonl if each line has its object",
        ".parquet": "Parquet is not read; save it as CSV or JSON lines",
    }
    suffix = Path(arguments.file or "").suffix.lower()
    if suffix in others and not arguments.format:
        raise BundleError(f"{arguments.file}: {others[suffix]}")
    form = "lines" if arguments.text else arguments.format or known.get(suffix, "lines")
    if form == "lines" and arguments.columns:
        remedy = (
            "texts typed here have none; leave it out"
            if arguments.text
            else "the input is read as lines; add --format csv or jsonl"
        )
        raise BundleError(f"--columns: of a CSV or of JSON lines, and {remedy}")
    return str(form)


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
    """Rows of a CSV or of JSON lines: the columns of the text, or of both texts of a pair; None where all of them are empty, and for an empty line.

    Raises BundleError for a row without one of them, or with half a pair, and for a file that can be read in two ways.
    """
    rows: list[Row | None] = []
    for number, row in enumerate(_records(text, columns) if form == "csv" else _objects(text), 1):
        if row is None:
            rows.append(None)
            continue
        if lacking := [name for name in columns if not isinstance(row.get(name), str)]:
            raise BundleError(
                f"row {number}: no text in column '{lacking[0]}'; it has {', '.join(map(str, row))}; name others with --columns"
            )
        parts = [row[name] for name in columns]
        if any(map(clean, parts)) and not all(map(clean, parts)):
            raise BundleError(f"row {number}: one of the two texts is empty; give at least a word")
        rows.append((parts[0], parts[1] if len(parts) > 1 else None) if any(map(clean, parts)) else None)
    if not any(rows):
        raise BundleError("no text in the input")
    return rows


def _records(text: str, columns: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Rows of a CSV; None for an empty line."""
    import csv
    import io

    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(filter(None, reader), [])
        if twice := [name for name in columns if names.count(name) > 1]:
            raise BundleError(f"column '{twice[0]}' appears twice; drop or rename one")
        for values in reader:
            if len(values) > len(names):
                raise BundleError(
                    f"line {reader.line_num}: {len(values)} values in {len(names)} columns; quote texts that have commas"
                )
            yield dict(zip(names, values, strict=False)) if values else None
    except csv.Error as error:
        raise BundleError(f"line {reader.line_num}: no CSV ({error}); correct its quotes") from None


def _objects(text: str) -> Iterator[dict[str, Any] | None]:
    """Rows of JSON lines; None for an empty line."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()  # a line feed ends a line, it begins none
    for number, line in enumerate(lines, 1):
        if not line.strip():
            yield None
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BundleError(f"line {number}: no JSON ({error})") from None
        if not isinstance(row, dict):
            raise BundleError(f"line {number}: no JSON object with columns")
        yield row


def read_texts(arguments: argparse.Namespace) -> list[str]:
    """The texts that were asked for, one a line of the input. Raises BundleError for none, and for what is not UTF-8."""
    if arguments.text:
        return [_typed(number, text) for number, text in enumerate(arguments.text, 1)]
    lines = _decoded(_raw(arguments.file)).split("\n")
    if not lines[-1]:
        lines.pop()  # a line feed ends a line, it begins none
    if not any(map(clean, lines)):
        raise BundleError("no text in the input")
    if len(lines) == 1 and "\r" in lines[0].strip():
        _tell("the input has carriage returns and no line feed: it is read as one text")
    return lines


def _raw(file: str | None) -> bytes:
    try:
        if file:
            return Path(file).read_bytes()
        if sys.stdin is None:
            raise BundleError("standard input is closed; give texts, or --file")
        if sys.stdin.isatty():
            _tell("type texts, one a line, and Ctrl-D at the end")
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:  # ValueError: NUL in a name
        raise BundleError(f"{file or 'standard input'}: {getattr(error, 'strerror', None) or error}") from None


def _decoded(raw: bytes) -> str:
    """Without the mark that some editors put first. Raises BundleError for what is not UTF-8."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BundleError(f"the input is not UTF-8 (byte {error.start}); convert it first") from None


def _typed(number: int, text: str) -> str:
    """An argument, whatever locale Python has read it in. Raises BundleError for an empty one, and for bytes that are no characters."""
    if not text.strip():
        raise BundleError(f"text {number}: an empty text; give at least a word")
    if text.isascii():
        return text
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise BundleError(f"text {number}: not UTF-8; convert it first") from None
        return text
