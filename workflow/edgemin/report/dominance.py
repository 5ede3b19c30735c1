"""Which rows another one beats: the rule of the Pareto set, and of ladders whose end wins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def beaten(row: pd.Series, rows: pd.DataFrame, costs: Sequence[str], quality: str) -> bool:
    """Whether one of `rows` is as good and costs no more in any of the columns `costs`, and is better in one of them. A cost that is not a number is
    no lower than any, and none is lower than it. rows: `row` may be among them."""
    as_good = (rows[quality] >= row[quality]) & np.all([rows[name] <= row[name] for name in costs], axis=0)
    better = (rows[quality] > row[quality]) | np.any([rows[name] < row[name] for name in costs], axis=0)
    return bool((as_good & better).any())
