"""Columns of numbers, read strictly."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import excerpt


def numbers_of(values: pd.Series, where: str, column: str) -> pd.Series:
    """float64. Raises EdgeminError for the first value that is no finite number: truth values, dates and lists are none."""
    numbers = pd.to_numeric(values.map(_numeric), errors="coerce").astype(float).replace([math.inf, -math.inf], math.nan)
    bad = numbers.index[numbers.isna()]
    if len(bad):
        raise EdgeminError(f"{where}: column '{column}': {excerpt(values[bad[0]])} in data row {bad[0] + 1} is not a number")
    return numbers


def _numeric(value: Any) -> str | float | None:
    """A text, for pandas to read, or a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else None
    try:
        return float(value)
    except OverflowError:
        return None
