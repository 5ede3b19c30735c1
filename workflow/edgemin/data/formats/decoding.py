"""Bytes -> text: UTF-8, or as the study says; nothing is guessed, and nothing replaced."""

from __future__ import annotations

import codecs

from edgemin.data.formats.content_error import ContentError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""First bytes -> encoding; the longer ones first, since UTF-32 begins as UTF-16 does."""


def decode(data: bytes, encoding: str | None) -> str:
    """The text without its byte order mark. encoding: None is UTF-8. Raises ContentError for bytes that are none, and for NUL."""
    name = codecs.lookup(encoding or "utf-8").name
    _check_mark(data, name)
    try:
        text = data.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        raise ContentError(_undecodable(data, error, encoding)) from None
    except UnicodeError as error:
        raise ContentError(f"not {name} ({error}); correct `encoding` in the study, or convert it to UTF-8") from None
    text = text.removeprefix("\ufeff") if name != "utf-8" else text
    if "\0" in text:
        raise ContentError(
            f"holds a NUL byte in line {_line(text[: text.index(chr(0))])}, so it is no text in {name}; remove it, or convert the "
            "file to UTF-8 (UTF-16 without a byte order mark: `encoding: utf-16-le`)"
        )
    return text


def _check_mark(data: bytes, name: str) -> None:
    """A byte order mark says the encoding; so it must be the one that the study says, or UTF-8."""
    marked = next((marked for mark, marked in _MARKS if data.startswith(mark)), None)
    if marked is None and name in ("utf-16", "utf-32"):
        raise ContentError(f"has no byte order mark; say which {name} it is: `encoding: {name}-le` or `encoding: {name}-be`")
    if marked is None or name.startswith(marked):
        return
    if name == "utf-8":
        raise ContentError(
            f"not UTF-8 but {marked.upper()}, as its first bytes say; write `encoding: {marked}` beside it, or convert it"
        )
    raise ContentError(f"its first bytes are the mark of {marked.upper()}, the study says {name}; correct `encoding`")


def _undecodable(data: bytes, error: UnicodeDecodeError, encoding: str | None) -> str:
    where = f"byte 0x{data[error.start]:02x} at {error.start}, line {data[: error.start].count(10) + 1}"
    if encoding is None:
        return f"not UTF-8 ({where}); convert it to UTF-8, or say what it is, for example `encoding: cp1252`"
    return f"not {encoding} ({where}); correct `encoding` in the study, or convert it to UTF-8"


def _line(before: str) -> int:
    return before.count("\n") + 1
