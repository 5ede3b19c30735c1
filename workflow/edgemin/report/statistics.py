"""Intervals for qualities: seeds and test examples are both samples, so both are resampled, and differences stay paired."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgemin.measure.blocks import Interval

RESAMPLES = 2000
Score = Callable[[np.ndarray, np.ndarray], float]
"""labels (N,), logits (N, K) -> the metric."""


def crossed_bootstrap(statistic: Callable[[np.ndarray, np.ndarray], float], seeds: int, examples: int, seed: int = 0) -> Interval:
    """Estimate with a 95 % percentile interval; seeds and examples are resampled independently, the same examples for all seeds.

    statistic: takes indices of seeds and of examples. With one seed the interval speaks of the examples alone. It
    under-covers at few seeds (see Owen 2007, "The pigeonhole bootstrap").
    """
    random = np.random.default_rng(seed)
    values = [statistic(random.integers(0, seeds, seeds), random.integers(0, examples, examples)) for _ in range(RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(statistic(np.arange(seeds), np.arange(examples))), float(low), float(high))


def quality(score: Score, labels: np.ndarray, logits: np.ndarray) -> Interval:
    """Mean of the metric over seeds. labels (N,), logits (S, N, K)."""
    if score is _accuracy:
        return _mean(logits.argmax(-1) == labels)
    return crossed_bootstrap(lambda s, e: float(np.mean([score(labels[e], logits[i][e]) for i in s])), len(logits), len(labels))


def difference(score: Score, labels: np.ndarray, logits: np.ndarray, other: np.ndarray) -> Interval:
    """Mean over seeds of metric(logits) - metric(other), paired within seed and by example. Both (S, N, K)."""
    if score is _accuracy:
        return _mean((logits.argmax(-1) == labels).astype(float) - (other.argmax(-1) == labels))

    def statistic(seeds: np.ndarray, examples: np.ndarray) -> float:
        gold = labels[examples]
        return float(np.mean([score(gold, logits[i][examples]) - score(gold, other[i][examples]) for i in seeds]))

    return crossed_bootstrap(statistic, len(logits), len(labels))


def _mean(values: np.ndarray) -> Interval:
    """Of a metric that is a mean over examples: values (S, N), looked up instead of computed anew in every resample."""
    return crossed_bootstrap(lambda seeds, examples: float(values[seeds][:, examples].mean()), *values.shape)


def by_seed(score: Score, labels: np.ndarray, logits: np.ndarray) -> list[float]:
    """The metric of each seed. labels (N,), logits (S, N, K)."""
    return [score(labels, one) for one in logits]


def scorer(metric: str) -> Score:
    """The metric as a function that is quick enough to be called thousands of times: what `tasks.metrics` takes from
    scikit-learn and scipy, without their checks of the input."""
    return _SCORES[metric]


def _accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def _confusion(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Counts (true class, predicted class)."""
    count = logits.shape[1]
    return np.bincount(labels * count + logits.argmax(axis=1), minlength=count * count).reshape(count, count).astype(float)


def _macro_f1(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean F1 over the classes that stand among the labels."""
    table = _confusion(labels, logits)
    present = table.sum(1) > 0
    return float(np.mean(2 * table.diagonal()[present] / (table.sum(0) + table.sum(1))[present]))


def _matthews(labels: np.ndarray, logits: np.ndarray) -> float:
    """Gorodkin's R_K; 0 where it is undefined."""
    table = _confusion(labels, logits)
    true, predicted, total = table.sum(1), table.sum(0), table.sum()
    spread = (total**2 - predicted @ predicted) * (total**2 - true @ true)
    return float((table.trace() * total - true @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def _pearson(labels: np.ndarray, logits: np.ndarray) -> float:
    values = logits[:, 0].astype(float)
    if np.ptp(values) == 0 or np.ptp(labels) == 0:
        return 0.0
    return float(np.corrcoef(labels, values)[0, 1])


def _spearman(labels: np.ndarray, logits: np.ndarray) -> float:
    from scipy.stats import rankdata

    return _pearson(rankdata(labels), rankdata(logits[:, 0])[:, None])


_SCORES: dict[str, Score] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
}
