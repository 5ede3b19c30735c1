"""Values of a study in messages, whatever they contain: one line, short, printable."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

DEPTH = 32
"""Deeper than any key of a study; YAML's anchors can make a value hold itself."""
LARGEST = 2**31
"""The largest whole number: NumPy, PyTorch and ONNX take no larger sizes and seeds."""


def unreadable(value: Any, key: tuple[Any, ...] = (), seen: set[int] | None = None) -> Iterator[str]:
    """`key: problem` for each value that no key of a study can hold and that could not even be printed."""
    seen = set() if seen is None else seen
    where = line(".".join("(number)" if _huge(part) else str(part) for part in key)) or "study"
    if isinstance(value, str) and _broken(value):
        yield f"{where}: {ascii(value)[:80]} holds half a character (a surrogate); write it in UTF-8"
    elif _huge(value):
        yield f"{where}: a whole number beyond 2^31; choose a smaller one"
    elif isinstance(value, Mapping | list) and id(value) not in seen:  # an anchor may stand in many places
        seen.add(id(value))
        if len(key) >= DEPTH:
            yield f"{where}: nested more than {DEPTH} deep; see config/README.md for the keys of a study"
            return
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from unreadable(name, (*key, "(key)"), seen)
            yield from unreadable(item, (*key, name), seen)


def line(text: str) -> str:
    """The text with escapes for line breaks and other characters that are not printable."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def excerpt(value: Any) -> str:
    """Any value, however large or nested, in some 80 characters."""
    return repr((reprlib.repr(value) if isinstance(value, Mapping | list | set | tuple) else str(value))[:80])


def _huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > LARGEST


def _broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
