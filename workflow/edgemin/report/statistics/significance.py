"""Tests of a difference between two cells, paired within seed and by example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.05
POWER = 0.8
EXACT = 16
"""Up to so many seeds all 2^n signs are tried; beyond, a hundred thousand drawn ones."""


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p-value of a mean difference over seeds: the share of all 2^n sign assignments whose mean is as far from 0.

    Assumes nothing but that, without an effect, a difference is as likely to be negative. Its smallest value is 2/2^n.
    """
    values = np.asarray(differences, dtype=float)
    count = len(values)
    if count <= EXACT:
        signs = 1 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (100_000, count))
        signs[0] = 1  # what was observed is one of the assignments, or p could be 0
    means = np.abs(signs @ values)
    return float((means >= np.abs(values.sum()) * (1 - 1e-12)).mean())


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Exact p-value of McNemar's test that two models are right equally often. ours, theirs: (N,), whether each answer is right."""
    from statsmodels.stats.contingency_tables import mcnemar as test

    table = [[(ours & theirs).sum(), (ours & ~theirs).sum()], [(~ours & theirs).sum(), (~ours & ~theirs).sum()]]
    return float(min(test(table, exact=True).pvalue, 1.0))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being many (Holm 1979), in the same order; None stays None and does not count."""
    from statsmodels.stats.multitest import multipletests

    known = [value for value in values if value is not None and not np.isnan(value)]
    corrected = iter(multipletests(known, method="holm")[1]) if known else iter(())
    return [None if value is None or np.isnan(value) else float(next(corrected)) for value in values]


def smallest_effect(low: float, high: float) -> float | None:
    """The difference that a two-sided 5 % test would show in 80 of 100 studies: 2.8 standard errors, taken from the width
    of a 95 % interval. None for one without a width, which tells no standard error."""
    from scipy.stats import norm

    if low == high:
        return None
    return float((norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER)) * (high - low) / (2 * norm.ppf(1 - LEVEL / 2)))


def seeds_needed(comparisons: int) -> int:
    """Fewest seeds at which the smallest sign-flip p-value, 2/2^n, can pass Holm's first hurdle, 0.05/comparisons."""
    return int(np.ceil(np.log2(2 * comparisons / LEVEL)))
