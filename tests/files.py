"""Files that tests write and read back: what is read is what was written, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hostile import outcome
from hypothesis import strategies as st

from edgemin.data.reading import read_source
from edgemin.study.sources import DataSource

WORDS = [
    "good",
    "bad",
    "film",
    "a",
    "NA",
    "null",
    "007",
    "1.0",
    "1e5",
    "True",
    "é",
    "日本",
    "\U0001f600",
    "नमस्ते",
    "“so”",
    "#",
    "\\",
    "'",
]
SIGNS = [
    '"',
    '""',
    ",",
    ";",
    "|",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x85",
    "\u2028",
    "\\n",
    '\\"',
    "=1+1",
    "<br>",
    "{}",
    "[1]",
    "\ufffc",
]


def texts(signs: list[str] = SIGNS, words: list[str] = WORDS) -> st.SearchStrategy[str]:
    """Some words and signs in a row, at least one word."""
    part = st.sampled_from(words)
    rest = st.lists(st.sampled_from([*words, *signs]), max_size=4).map("".join)
    return st.tuples(rest, part, rest).map("".join)


def tables(text: st.SearchStrategy[str], fewest: int = 1) -> st.SearchStrategy[list[list[str]]]:
    """Rows of a text and one of two labels."""
    return st.lists(st.tuples(text, st.sampled_from(["neg", "pos"])).map(list), min_size=fewest, max_size=12)


def read(file: Path, data: bytes, **said: Any) -> tuple[list[list[Any]] | None, str]:
    """(header and rows as they are read, why they are not)."""
    file.write_bytes(data)
    source = DataSource.model_validate({"files": {"train": str(file), **said}})
    table, refusal = outcome(lambda: read_source(source, None)["train"])
    return (None if table is None else [list(table.columns), *table.to_numpy().tolist()]), refusal


def same_or_refused(found: tuple[list[list[Any]] | None, str], written: list[list[Any]], file: Path) -> bool:
    """Whether it was read, and then as it was written; if not, the file is named in one line that says more than that."""
    table, refusal = found
    if table is not None:
        assert table == written
        assert [list(map(type, row)) for row in table] == [list(map(type, row)) for row in written]
        return True
    assert refusal.startswith(f"{file}: ")
    assert "; " in refusal
    assert refusal.isprintable()
    assert len(refusal) < 600
    return False
