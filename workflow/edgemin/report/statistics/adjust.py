"""What many comparisons in one table, and few seeds, allow to say."""

from __future__ import annotations

import pandas as pd

from edgemin.report.number import common_scale
from edgemin.report.statistics.significance import holm
from edgemin.report.statistics.twoway import FEWEST_SEEDS
from edgemin.study.floor import is_baseline

COMPARISON = ["task", "metric", "chain", "against"]
"""Rows that are alike in these are one comparison, such as those of a float model in two runtimes."""


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """With `p_holm`: p corrected for all comparisons of the table, each counted once."""
    if "p" not in table:
        return table
    at = list(table.columns).index("p") + 1
    corrected = holm(table["p"].tolist(), list(table[COMPARISON].itertuples(index=False, name=None)))
    table.insert(at, "p_holm", pd.Series(corrected, index=table.index, dtype=float))
    return table


def correction_note(table: pd.DataFrame) -> str:
    """The sentences under a table: what its intervals are over, how many comparisons, what could have been seen at all."""
    seeds = int(table["seeds"].max())
    text = f"{seeds} seed{'s' if seeds > 1 else ''}.{cautioned(table)} {seeds_note(seeds)}"
    tested = table[table["p"].notna()] if "p" in table else table[:0]
    if len(tested):
        count = len(tested[COMPARISON].drop_duplicates())
        text += (
            " p: Student's t of the same analysis; in brackets corrected by Holm for the "
            f"{count} comparison{'s' if count > 1 else ''} of this table."
        )
        text += " The same models in two runtimes are one comparison." if count < len(tested) else ""
        text += _smallest(tested)
    return text + " Bold: above every other row of its block by more than the interval of the paired difference."


def seeds_note(seeds: int) -> str:
    """What intervals of so many seeds speak of."""
    if seeds >= FEWEST_SEEDS:
        return "Intervals: two-way analysis of seeds and test examples, which are both samples; they speak of the methods."
    return (
        f"With fewer than {FEWEST_SEEDS} seeds there is no interval and no p over methods. The intervals are over the test examples "
        "alone: they speak of these checkpoints, and other seeds may fall outside."
    )


def cautioned(table: pd.DataFrame) -> str:
    """What the test split cannot show, and where the metric is constant; empty where there is nothing to warn of."""
    text = "".join(f" Caution: {caution}." for caution in table.get("caution", pd.Series(dtype=str)).dropna().unique())
    if "p" in table and "quality_change" in table:
        constant = table["quality_change"].notna() & table["change_over"].isna() & ~table["chain"].map(is_baseline)
        if constant.any():
            metrics = ", ".join(table.loc[constant, "metric"].unique())
            text += f" Where {metrics} is the same whichever example is left out, whatever the answers, there is no p and no minimum detectable effect."
    return text


def _smallest(table: pd.DataFrame) -> str:
    scale = common_scale(table["metric"])
    effects = table["smallest_effect"].astype(float)
    if effects.isna().all():
        return ""
    smallest = [scale.size.text(effects.agg(end)) for end in ("min", "max")]
    return f" Minimum detectable effect (80 % power, before correction): {' to '.join(dict.fromkeys(smallest))}{scale.points}."
