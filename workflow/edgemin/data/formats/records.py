"""JSON -> a table: records, in one list or one after another. Numbers and texts stay as they are written; no date is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from edgemin.data.formats.content_error import ContentError

_SPACE = re.compile(r"[ \t\r\n]*")
_RECORDS = "write one object for each row, in a list or in lines (pandas: `to_json(orient='records')`)"


class _Twice(dict[str, Any]):
    """An object with a repeated key."""

    key = ""


def read_json(text: str) -> pd.DataFrame:
    """One row for each record, in their order. A missing key is None. Columns keep Python's types.

    Raises ContentError if this is no list of records or a record repeats a key; ValueError if it is no JSON.
    """
    values = list(_values(text))
    if not values:
        raise _error("it is empty")
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    elif len(values) == 1 and (form := _form(values[0])):
        raise _error(form)
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise _error(f"record {number} is {_KINDS.get(type(value), 'a number')}, not an object")
        if isinstance(value, _Twice):
            raise _error(f"the key {value.key!a} is repeated in record {number}", "drop or rename one")
    names = list(dict.fromkeys(name for value in values for name in value))
    return pd.DataFrame({name: pd.Series([value.get(name) for value in values], dtype=object) for name in names})


def _error(what: str, remedy: str = _RECORDS) -> ContentError:
    return ContentError(f"not readable as json ({what}); {remedy}")


_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _values(text: str) -> Iterator[Any]:
    """The values of a text, with white space between them: a document is one, JSON lines are many."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    place = _end_of_space(text, 0)
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        yield value
        place = _end_of_space(text, place)


def _end_of_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    assert space is not None
    return space.end()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twice = _Twice(made)
    seen: set[str] = set()
    twice.key = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return twice


def _form(value: Any) -> str | None:
    """How a single object holds a table, if it does."""
    if not isinstance(value, dict):
        return None
    for name, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner) and "schema" not in value:
            return f"its records stand under the key {ascii(name)[:80]}: write that list alone"
    if {"columns", "data"} <= set(value) or {"schema", "data"} <= set(value):
        return f"it is one object with columns and data apart (orient='{'table' if 'schema' in value else 'split'}')"
    if value and all(isinstance(inner, dict | list) for inner in value.values()):
        return "it is one object that holds whole columns, or rows by number (orient='columns' or 'index')"
    return None
