"""What many comparisons in one table, and few seeds, allow to say."""

from __future__ import annotations

import pandas as pd

from edgemin.report import markup
from edgemin.report.statistics.significance import LEVEL, holm, seeds_needed


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """With `p_holm`: p corrected for all comparisons of the table."""
    if "p" not in table:
        return table
    at = list(table.columns).index("p") + 1
    table.insert(at, "p_holm", pd.Series(holm(table["p"].tolist()), index=table.index, dtype=float))
    return table


def said(table: pd.DataFrame) -> str:
    """The sentences under a table: which test, how many comparisons, what could have been seen at all."""
    seeds = int(table["seeds"].max())
    text = f"{seeds} seed{'s' if seeds > 1 else ''}.{cautioned(table)}"
    comparisons = int(table["p"].notna().sum()) if "p" in table else 0
    if not comparisons:
        return text
    if seeds > 1:
        text += " p: exact sign-flip test over seeds"
    else:
        text += " p: McNemar's exact test, which with one seed speaks of these checkpoints, not of the methods"
    text += f"; in brackets corrected by Holm for the {comparisons} comparison{'s' if comparisons > 1 else ''} of this table."
    text += _smallest(table)
    if "sign-flip" in set(table["p_test"]) and seeds < seeds_needed(comparisons):
        text += (
            f" With {seeds} seeds none of {comparisons} comparisons can be significant at {LEVEL} after correction: "
            f"the smallest p is {2 / 2**seeds:.2g}; {seeds_needed(comparisons)} seeds could."
        )
    return text + " Bold: above every other row of its block by more than the interval of the paired difference."


def cautioned(table: pd.DataFrame) -> str:
    """What the test split cannot show, and where the metric is constant; empty where there is nothing to warn of."""
    text = "".join(f" Caution: {said}." for said in table.get("caution", pd.Series(dtype=str)).dropna().unique())
    if "p" in table and "quality_change" in table and (untold := table["quality_change"].notna() & table["p_test"].isna()).any():
        metrics = ", ".join(table.loc[untold, "metric"].unique())
        text += f" Where {metrics} is the same in every resample, whatever the answers, there is no p and no smallest effect."
    return text


def _smallest(table: pd.DataFrame) -> str:
    factor, _, digits = markup.scale_of(table)
    effects = table["smallest_effect"].astype(float)
    if effects.isna().all():
        return ""
    smallest = [markup.number(effects.agg(end) * factor, digits + 1) for end in ("min", "max")]
    unit = " points" if factor == 100 else ""
    return f" Smallest effect that it could show (80 % power, before correction): {' to '.join(dict.fromkeys(smallest))}{unit}."
