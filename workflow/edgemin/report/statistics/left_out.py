"""A metric without each example in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgemin.report.statistics.judge import Judge

_ROWS = 256
"""Examples that are left out at a time, so that memory stays small: 256 x N numbers."""


def left_out(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(N,) the metric of all examples but one. labels (N, ...), logits (N, K), N at least 2.

    Metrics of EdgeMIN's own kinds of task have a quick way; for others the metric is computed N times.
    """
    quick = _QUICK.get((judge.kind.name, judge.metric), _one_by_one)
    return quick(judge, labels, logits)


def _one_by_one(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return _without(judge, labels, logits, np.arange(len(labels)))


def _without(judge: Judge, labels: np.ndarray, logits: np.ndarray, indices: np.ndarray) -> np.ndarray:
    score = judge.scores.score(judge.metric)
    return np.array([score(np.delete(labels, at, axis=0), np.delete(logits, at, axis=0)) for at in indices], dtype=float)


def _by_answer(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Where only class and answer count, examples that are alike in both are left out alike."""
    answers = labels * logits.shape[1] + judge.scores.decide(logits)
    _, first, which = np.unique(answers, return_index=True, return_inverse=True)
    return _without(judge, labels, logits, first)[which]


def _pearson(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Without one of n, a sum of products about the mean is smaller by n / (n - 1) times the product that goes."""
    x, y = (_about_mean(values) for values in (labels.astype(float), judge.scores.decide(logits)))
    share = len(x) / (len(x) - 1)
    return _correlation(*(one @ other - share * one * other for one, other in ((x, y), (x, x), (y, y))))


def _about_mean(values: np.ndarray) -> np.ndarray:
    """In units of the largest deviation, since the unit of scores is the user's and what counts as constant below is not."""
    values = values - values.mean()
    largest = np.abs(values).max()
    return values / largest if largest else values


def _spearman(judge: Judge, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Without one example, ranks above its own fall by 1, equal ones by 1/2; the mean of the n - 1 that are left is n / 2."""
    answers, parts = judge.scores.decide(logits), []
    for start in range(0, len(labels), _ROWS):
        out = np.arange(start, min(start + _ROWS, len(labels)))
        x, y = _ranks_without(labels, out), _ranks_without(answers, out)
        parts.append(_correlation((x * y).sum(1), (x * x).sum(1), (y * y).sum(1)))
    return np.concatenate(parts)


def _ranks_without(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    """(len(out), N) ranks about their mean without each of `out`, which itself gets 0."""
    from scipy.stats import rankdata

    gone = values[out, None]
    ranks = rankdata(values) - (values > gone) - 0.5 * (values == gone) - len(values) / 2
    ranks[np.arange(len(out)), out] = 0
    return ranks


def _correlation(both: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of sums of products and squares about the mean; 0 where one of both is constant, as the metrics have it."""
    spread = np.sqrt(np.maximum(one, 0) * np.maximum(other, 0))
    return np.divide(both, spread, out=np.zeros_like(both), where=spread > 1e-12)


_QUICK: dict[tuple[str, str], Callable[[Judge, np.ndarray, np.ndarray], np.ndarray]] = {
    ("classification", "macro_f1"): _by_answer,
    ("classification", "matthews"): _by_answer,
    ("regression", "pearson"): _pearson,
    ("regression", "spearman"): _spearman,
}
"""Kind of task and metric -> its quick way."""
