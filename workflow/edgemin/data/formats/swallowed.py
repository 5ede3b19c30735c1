"""Rows that a stray quotation mark has made one cell of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgemin.data.formats.content_error import ContentError


@dataclass(frozen=True)
class _Column:
    """The typical values of a column: all numbers, or (if not None) a few repeated values."""

    numbers: bool
    few: frozenset[str] | None

    @classmethod
    def of(cls, values: Sequence[str]) -> _Column:
        distinct = frozenset(values)
        return cls(all(map(_is_number, distinct)), distinct if len(distinct) * 2 <= len(values) else None)

    @property
    def tells(self) -> bool:
        return self.numbers or self.few is not None

    def fits(self, value: str) -> bool:
        return (self.few is not None and value in self.few) or (self.numbers and _is_number(value))


def swallowed(text: str, separator: str, cells: list[list[str]], lines: list[tuple[int, int]], header: bool) -> None:
    """Raises ContentError if a quoted cell holds line ends and each of its lines could be a row of the table. Such a line has as many
    values as a row. In a typical column (numbers, or few repeated values such as labels) it also has a typical value.

    cells: the values of each record. lines: its first and last line, from 1. header: whether the first record is a header.
    """
    several = [number for number, (first, last) in enumerate(lines) if last > first]
    if not several:
        return
    single = [row for row, (first, last) in zip(cells, lines, strict=True) if last == first][header:]
    columns = [_Column.of(values) for values in zip(*single, strict=True)] if single else []
    written = text.split("\n" if "\n" in text else "\r")
    for number in several:
        first, last = lines[number]
        parts = [line.rstrip("\r").split(separator) for line in written[first - 1 : last]]
        if all(len(part) == len(cells[number]) and _like(part, columns) for part in parts):
            raise ContentError(
                f"not readable in one way only: a quotation mark in line {first} makes lines {first} to {last} one row, and each of them "
                "could be a row; write `quoting: true` beside the file in the study if they are one, `quoting: false` if no mark quotes"
            )


def _like(values: list[str], columns: list[_Column]) -> bool:
    """Whether some typical column has a typical value. If no column is typical, any row is possible."""
    telling = [column.fits(value.strip('"')) for value, column in zip(values, columns, strict=bool(columns)) if column.tells]
    return any(telling) or not telling


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
