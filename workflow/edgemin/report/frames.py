"""A table's CSV, read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

_TEXTS = (
    *("study", "task", "cell", "name", "chain", "runtime", "recipe", "metric"),
    *("against", "reference", "control", "members", "scheme", "details", "structure", "criterion"),
)
"""Columns of names and other texts."""


def read_frame(file: Path | str) -> pd.DataFrame:
    """A table's CSV as it was written: numbers as numbers, and names as text, also those that pandas would read as missing (`nan`, `null`), as a
    truth value (`true`) or as a number (`inf`, `8`). Missing is what is empty."""
    return pd.read_csv(file, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=[""])
