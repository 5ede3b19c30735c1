"""When two texts count as the same. Training asks this too: an edit of how data are made must not train everything again.

Exactly the same: as Unicode's NFC, white space collapsed. Loosely the same: but for case and a full stop at the end as well.
Nothing else is dropped: signs, emoji with their modifiers and joiners, and marks of vowels make texts that differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.arrow import read_rows

HELD_OUT = ("validation", "test")


def normalise(text: str) -> str:
    """Key of texts that are equal for a reader: characters in NFC, single spaces."""
    return " ".join(normalize("NFC", text).split())


def loosely(text: str) -> str:
    """Key of texts that differ at most in case and in one final full stop. Lower case, not `casefold`: ß is not ss."""
    text = normalize("NFC", normalise(text).lower())
    return text.removesuffix(".").rstrip() or text


def exact_of(rows: pd.DataFrame) -> pd.Series:
    """Keys that are equal for rows with exactly the same text (and pair)."""
    keys = rows["text"].map(normalise)
    return keys + "\t" + rows["pair"].map(normalise) if "pair" in rows else keys


def keys_of(rows: pd.DataFrame) -> pd.Series:
    """Keys that are equal for rows with loosely the same text (and pair)."""
    keys = rows["text"].map(loosely)
    return keys + "\t" + rows["pair"].map(loosely) if "pair" in rows else keys


def answers_of(rows: pd.DataFrame, classes: bool) -> pd.Series:
    """Keys that are equal for rows that reveal each other's answer: loosely the same text and, if there are classes, the same label."""
    keys = keys_of(rows)
    if not classes or "label" not in rows:
        return keys
    return pd.Series([f"{_label(label)}\t{key}" for label, key in zip(rows["label"], keys, strict=True)], rows.index, dtype="str")


def _label(label: Any) -> str:
    """A class index as int, or as float where a column has gaps; several classes as a list or an array."""
    return f"{label:g}" if isinstance(label, int | float) else str(list(label))


def check_disjoint(file: Path, data: Path) -> None:
    """Raises EdgeminError if a transfer set on disk holds a text of validation or test. Texts without a label are compared loosely."""
    rows, classes = read_rows(file), store.label_names(data) is not None
    bare = rows["label"].isna()
    loose, labelled = set(keys_of(rows[bare])), rows[~bare]
    exact, answers = set(exact_of(labelled)), set(answers_of(labelled, classes))
    for split in HELD_OUT:
        for key, *others in _all_keys(store.read_split(data, split), classes):
            if key in loose or others[0] in exact or others[1] in answers:
                raise EdgeminError(
                    f"{file}: contains the {split} text {key[:60]!r}; delete the file and run snakemake again, which makes it "
                    "without them"
                )


def _all_keys(rows: pd.DataFrame, classes: bool) -> Iterator[tuple[str, str, str]]:
    return zip(keys_of(rows), exact_of(rows), answers_of(rows, classes), strict=True)
