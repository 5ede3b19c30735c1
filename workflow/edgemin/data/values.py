"""Single values of a table, whatever the format: texts, numbers, truth values, nothing, or what no column of ours may hold."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import excerpt

T = TypeVar("T")
_CALLED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (str, "a text"),
    (bool, "a truth value"),
    ((int, float), "a number"),
    ((list, tuple, set, frozenset), "a list"),
    (Mapping, "a mapping"),
    (datetime.date, "a date"),
    (datetime.time, "a time of day"),
    (datetime.timedelta, "a span of time"),
)


def called(value: Any) -> str:
    """Its type in plain words."""
    return next((name for types, name in _CALLED if isinstance(value, types)), f"a {type(value).__name__}")


def refusal(value: Any, wanted: str) -> ValueError:
    """wanted: what it should be, and the remedy."""
    return ValueError(f"holds {called(value)} ({excerpt(value)}), not {wanted}")


def plain(value: Any) -> Any:
    """str, bool, int, float or None (nothing there); lists, mappings, dates and others as Python has them.

    Bytes are read as UTF-8. Raises ValueError for bytes that are none, and for a text with half a character.
    """
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"holds half a character (a surrogate, {ascii(value)[:80]}); write the text anew")
        return str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value))
    return _number(value) if isinstance(value, float | np.generic | Decimal) else _nested(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"holds bytes that are not UTF-8 (byte {error.start} of {value[:20]!r}); write it as text") from None


def _number(value: Any) -> Any:
    """NumPy's and decimal numbers as Python's; None for not a number. NumPy's dates become dates."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else pd.Timedelta(value)
        return None if value is pd.NaT else value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _nested(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def each(values: Iterable[Any], read: Callable[[Any], T], where: str, column: str) -> list[T]:
    """`read` of every value. Raises EdgeminError naming column and row for the first at which it raises ValueError."""
    done: list[T] = []
    for value in values:
        try:
            done.append(read(value))
        except ValueError as problem:
            raise EdgeminError(f"{where}: column '{column}': data row {len(done) + 1} {problem}") from None
    return done
