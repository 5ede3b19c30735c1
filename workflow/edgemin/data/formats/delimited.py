"""CSV and TSV -> a table of texts, as they are written. Two readers must agree on it."""

from __future__ import annotations

import csv
import io
import logging
import re
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from edgemin.data.formats.content_error import ContentError
from edgemin.data.formats.swallowed import swallowed

log = logging.getLogger(__name__)
SEPARATORS = {",": ",", ";": ";", "\t": r"\t", "|": "|", ":": ":", "^": "^", "~": "~", "\x01": r"\x01", "\x1f": r"\x1f"}
"""What files are separated by, and how YAML writes it between double quotes."""

_QUOTED = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')


@dataclass(frozen=True)
class Dialect:
    """How a file is written. quoting: whether quotation marks quote. columns: names for a file without a header. configured: the
    keys (`separator`, `quoting`) that the study sets; for these, no other value is suggested."""

    form: str
    separator: str
    quoting: bool
    columns: tuple[str, ...] | None = None
    configured: frozenset[str] = frozenset()

    @classmethod
    def of(cls, form: str, separator: str | None, quoting: bool | None, columns: list[str] | None) -> Dialect:
        """The dialect of a CSV or TSV file: the study's settings, else the defaults of the format (in TSV, quotation marks do not quote)."""
        configured = {name for name, value in (("separator", separator), ("quoting", quoting)) if value is not None}
        return cls(
            form,
            separator or ("\t" if form == "tsv" else ","),
            form == "csv" if quoting is None else quoting,
            tuple(columns) if columns else None,
            frozenset(configured),
        )

    @property
    def marks(self) -> Literal[0, 3]:
        """The constant of the csv module."""
        return csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE


@dataclass(frozen=True)
class Records:
    """cells: of each record; empty lines are none. lines: number of its first line and of its last, from 1."""

    cells: list[list[str]]
    lines: list[tuple[int, int]]


def read_delimited(text: str, dialect: Dialect) -> pd.DataFrame:
    """All values as text. Raises ContentError for a table that is not one, or that can be read in two ways."""
    _check_start(text, dialect)
    try:
        records = _records(text, dialect)
    except csv.Error as error:
        raise _error(dialect, str(error)) from None
    if not records.cells:
        raise _error(dialect, "it is empty")
    _check_header(text, dialect, records.cells[0])
    names = list(dialect.columns or records.cells[0])
    _check_widths(text, dialect, records, len(names))
    if "quoting" not in dialect.configured and dialect.quoting:
        swallowed(text, dialect.separator, records.cells, records.lines, dialect.columns is None)
    if "quoting" not in dialect.configured and not dialect.quoting:
        _warn_of_marks(records.cells)
    table = pd.DataFrame(records.cells, dtype="str")
    _check_twice(text, dialect, table)
    if dialect.columns is None:
        table = table.iloc[1:].reset_index(drop=True)
    table.columns = pd.Index(names, dtype=object)  # as they stand, the same name twice too
    return table


def _records(text: str, dialect: Dialect) -> Records:
    """Raises csv.Error for quotation marks that do not close, or close within a cell, and for line ends of two kinds."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # else a text of 131,073 characters is an error
    lines = io.StringIO(text, newline="\n" if "\n" in text else "\r")
    reader = csv.reader(lines, delimiter=dialect.separator, quoting=dialect.marks, strict=True)
    records, last = Records([], []), 0
    try:
        for cells in reader:
            if cells:
                records.cells.append(cells)
                records.lines.append((last + 1, reader.line_num))
            last = reader.line_num
    except csv.Error as error:
        raise csv.Error(f"{error}, in the row of line {last + 1}") from None
    return records


def _check_start(text: str, dialect: Dialect) -> None:
    """Raises ContentError for JSON, and for the line that Excel puts in front."""
    if dialect.columns is None and re.match(r'\s*(\[\s*)?\{\s*"', text):
        raise _error(dialect, "it holds JSON", "name it .json or .jsonl")
    if match := re.match(r'"?sep=(.)"?[\r\n]', text):
        raise _error(dialect, f"its first line, {match[0].strip()!r}, is Excel's", "remove it, and say `separator` in the study")


def _check_header(text: str, dialect: Dialect, first: list[str]) -> None:
    """Raises ContentError if another separator splits the header, or if there is a header although the study gives the columns."""
    if dialect.columns is not None:
        if sorted(cell.strip() for cell in first) == sorted(dialect.columns):
            raise _error(dialect, "its first line is a header", "take `columns` out of the study")
    elif len(first) == 1 and "separator" not in dialect.configured:
        for separator in SEPARATORS:
            names = _first(text, replace(dialect, separator=separator))
            if len(names) > 1:
                what = (
                    f"its header is one column, and {len(names)} where {_named(separator)} separates: {', '.join(names)[:100]!a}"
                )
                raise _error(dialect, what, _say(separator))


def _first(text: str, dialect: Dialect) -> list[str]:
    """The cells of the first line that is not empty."""
    try:
        match = re.search(r"[^\r\n]+", text)
        return _records(match[0], dialect).cells[0] if match else []
    except csv.Error:
        return []


def _check_widths(text: str, dialect: Dialect, records: Records, width: int) -> None:
    """Raises ContentError for a row with more or fewer values than there are columns."""
    for cells, (line, _) in zip(records.cells, records.lines, strict=True):
        if len(cells) != width:
            more = "more" if len(cells) > width else "fewer"
            what = f"a row has {more} values than there are columns: line {line} has {len(cells)}, there are {width}"
            raise _error(dialect, what, _other_way(text, dialect, width))


def _other_way(text: str, dialect: Dialect, width: int) -> str | None:
    """What to say in the study, if every row has the same number of values that way."""
    marks = [dialect.quoting] if "quoting" in dialect.configured else [dialect.quoting, not dialect.quoting]
    separators = [dialect.separator, *([] if "separator" in dialect.configured else SEPARATORS)]
    for quoting in marks:
        for separator in separators:
            other = replace(dialect, quoting=quoting, separator=separator)
            try:
                widths = {len(cells) for cells in _records(text, other).cells}
            except csv.Error:
                continue
            if len(widths) == 1 and (widths == {width} or (dialect.columns is None and min(widths) > 1)):
                ways = [_say(separator)] * (separator != dialect.separator)
                ways += [f"write `quoting: {str(quoting).lower()}` beside the file in the study"] * (quoting != dialect.quoting)
                return f"if every row has {min(widths)} values, {' and '.join(ways)}"
    return None


def _warn_of_marks(cells: list[list[str]]) -> None:
    """Warn of values in quotation marks with doubled marks inside: a program that quotes may have written them. They are read literally."""
    quoted = sum(_QUOTED.fullmatch(cell) is not None for row in cells for cell in row if cell[:1] == '"')
    if quoted:
        log.warning(
            "%d cells stand between quotation marks, with marks in them doubled; they are read as they stand: if marks quote in this "
            "file, write `quoting: true` beside it in the study",
            quoted,
        )


def _check_twice(text: str, dialect: Dialect, table: pd.DataFrame) -> None:
    """Raises ContentError where pandas reads another table than Python's csv module did: then a sign in it has two meanings."""
    try:
        again = pd.read_csv(
            io.StringIO(text, newline=""), sep=dialect.separator, quoting=dialect.marks, header=None, names=range(table.shape[1]),
            dtype="str", na_filter=False,
        )  # fmt: skip
    except ValueError as error:
        raise _error(dialect, f"pandas cannot read it: {str(error).strip().splitlines()[0]}") from None
    if len(again) != len(table):
        raise _error(dialect, f"it has {len(table)} rows as Python's csv module reads it, and {len(again)} as pandas does")
    different = (again != table).any(axis=1)
    if different.any():
        raise _error(dialect, f"Python's csv module and pandas read row {int(different.idxmax()) + 1} differently")


def _named(separator: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(separator, repr(separator))


def _say(separator: str) -> str:
    return f'write `separator: "{SEPARATORS[separator]}"` beside the file in the study'


def _error(dialect: Dialect, what: str, remedy: str | None = None) -> ContentError:
    return ContentError(f"not readable as {dialect.form} ({what}); {remedy or 'correct the file or its format'}")
