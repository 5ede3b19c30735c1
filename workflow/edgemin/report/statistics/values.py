"""The metric of a cell as values per seed and example, so that one analysis serves every metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.left_out import left_out
from edgemin.report.statistics.twoway import Estimate, estimate


@dataclass(frozen=True)
class Values:
    """What each example of each seed adds to a metric."""

    by_seed: np.ndarray
    """(S,) the metric."""
    each: np.ndarray
    """(S, N). Where the metric is a mean over examples: of these. Elsewhere its jackknife pseudo-values."""
    constant: bool
    """Whether the metric is the same whichever example is left out, though answers are wrong: it tells nothing of these answers."""

    def __sub__(self, other: Values) -> Values:
        """The paired difference, within each seed and by example."""
        return Values(self.by_seed - other.by_seed, self.each - other.each, self.constant and other.constant)

    def estimate(self) -> Estimate:
        """Mean of the metric over seeds, with its standard error."""
        return estimate(self.each, float(self.by_seed.mean()))


def values_of(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> Values:
    """Of labels (N, ...) and logits (S, N, K).

    Pseudo-values (Tukey 1958; Efron and Tibshirani 1993, chapter 11): N metric(all) - (N - 1) metric(all but one).
    """
    score, count = judge.scores.score(judge.metric), len(labels)
    by_seed = np.array([score(labels, one) for one in logits], dtype=float)
    if of_each := judge.scores.mean_of(judge.metric):
        each = np.asarray(of_each(labels, logits), dtype=float)
    elif count < 2:
        each = by_seed[:, None]
    else:
        each = np.stack(
            [count * all_ - (count - 1) * left_out(judge, labels, one) for all_, one in zip(by_seed, logits, strict=True)]
        )
    right = judge.scores.right(labels, logits)
    return Values(by_seed, each, not (right is not None and bool(right.all())) and not estimate(each).error)
