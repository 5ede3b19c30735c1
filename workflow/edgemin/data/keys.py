"""When two texts count as the same. Training asks this too: an edit of how data are made must not train everything again."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.arrow import read_rows

HELD_OUT = ("validation", "test")


def normalise(text: str) -> str:
    """What two texts share if they count as the same: case, punctuation and spacing folded."""
    return " ".join(re.findall(r"\w+", text.lower())) or text.strip()


def keys_of(rows: pd.DataFrame) -> pd.Series:
    """What rows with the same text (and pair) share."""
    keys = rows["text"].map(normalise)
    return keys + "\t" + rows["pair"].map(normalise) if "pair" in rows else keys


def check_disjoint(file: Path, data: Path) -> None:
    """Raises EdgeminError if a transfer set on disk holds a text of validation or test."""
    keys = set(keys_of(read_rows(file)))
    for split in HELD_OUT:
        for key in keys_of(store.read_split(data, split)):
            if key in keys:
                raise EdgeminError(
                    f"{file}: contains the {split} text {key[:60]!r}; delete the file and run snakemake again, which makes it "
                    "without them"
                )
