"""Intervals for qualities: seeds and test examples are both samples, so both are resampled, and differences stay paired."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgemin.measure.blocks import Interval
from edgemin.report.statistics.judge import Judge

RESAMPLES = 2000


def crossed_bootstrap(statistic: Callable[[np.ndarray, np.ndarray], float], seeds: int, examples: int, seed: int = 0) -> Interval:
    """Estimate with a 95 % percentile interval; seeds and examples are resampled independently, the same examples for all seeds.

    statistic: takes indices of seeds and of examples. With one seed the interval speaks of the examples alone. It
    under-covers at few seeds (see Owen 2007, "The pigeonhole bootstrap").
    """
    random = np.random.default_rng(seed)
    values = [statistic(random.integers(0, seeds, seeds), random.integers(0, examples, examples)) for _ in range(RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(statistic(np.arange(seeds), np.arange(examples))), float(low), float(high))


def quality(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> Interval:
    """Mean of the metric over seeds. labels (N, ...), logits (S, N, K)."""
    if each := judge.scores.mean_of(judge.metric):
        return _mean(each(labels, logits))
    score = judge.scores.score(judge.metric)
    return crossed_bootstrap(lambda s, e: float(np.mean([score(labels[e], logits[i][e]) for i in s])), len(logits), len(labels))


def difference(judge: Judge, labels: np.ndarray, logits: np.ndarray, other: np.ndarray) -> Interval:
    """Mean over seeds of metric(logits) - metric(other), paired within seed and by example. Both (S, N, K)."""
    if each := judge.scores.mean_of(judge.metric):
        return _mean(each(labels, logits).astype(float) - each(labels, other))
    score = judge.scores.score(judge.metric)

    def statistic(seeds: np.ndarray, examples: np.ndarray) -> float:
        gold = labels[examples]
        return float(np.mean([score(gold, logits[i][examples]) - score(gold, other[i][examples]) for i in seeds]))

    return crossed_bootstrap(statistic, len(logits), len(labels))


def constant(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> bool:
    """Whether the metric is the same in every resample, though answers are wrong: it tells nothing of these answers (S, N, K)."""
    right = judge.scores.right(labels, logits)
    if right is not None and right.all():
        return False
    found = quality(judge, labels, logits)
    return found.low == found.high == found.value


def _mean(values: np.ndarray) -> Interval:
    """Of a metric that is a mean over examples: values (S, N), looked up instead of computed anew in every resample."""
    return crossed_bootstrap(lambda seeds, examples: float(values[seeds][:, examples].mean()), *values.shape)


def by_seed(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> list[float]:
    """The metric of each seed. labels (N, ...), logits (S, N, K)."""
    score = judge.scores.score(judge.metric)
    return [score(labels, one) for one in logits]
