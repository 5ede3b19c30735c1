"""The ladders of a stage-wise table: rows of which each is compared with the one before it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from edgemin.study.floor import is_baseline


def ladders_of(rows: Sequence[pd.Series]) -> list[list[pd.Series]]:
    """One for each row that no later row is compared with: the rows that lead to it, from the first on. rows: with `chain`, and with `against`, the
    chain of the row above that a row is compared with; a table of one row has no such column. Baselines are on no ladder."""
    rows = [row for row in rows if not is_baseline(row["chain"])]
    above: dict[int, int] = {}
    for number, row in enumerate(rows):
        matches = [other for other in range(number) if rows[other]["chain"] == row.get("against")]
        if matches:
            above[number] = matches[-1]
    ladders = []
    for end in sorted(set(range(len(rows))) - set(above.values())):
        steps = [end]
        while steps[0] in above:
            steps.insert(0, above[steps[0]])
        ladders.append([rows[step] for step in steps])
    return ladders
