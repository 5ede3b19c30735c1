"""Decisions by the largest logit, and what they are worth. Every metric once, in NumPy, quick enough to leave out each example in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

NO_LABEL = -100
"""Class index of a text without a gold label."""
Score = Callable[[np.ndarray, np.ndarray], float]


def gold(column: Any) -> np.ndarray:
    """Class indices; `NO_LABEL` where there is none."""
    return column.fillna(NO_LABEL).to_numpy(np.int64)


def decide(logits: np.ndarray) -> np.ndarray:
    """Predicted class index; of equal ones the lower."""
    return logits.argmax(-1)


def score(metric: str) -> Score:
    return _SCORES[metric]


def right(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return np.asarray(decide(logits) == labels)


def mean_of(metric: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    return right if metric == "accuracy" else None


def agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((decide(ours) == decide(theirs)).mean())


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean KL(ours || theirs) in nats. Logits (..., N, K)."""
    p, q = (x - np.logaddexp.reduce(x, axis=-1, keepdims=True) for x in (ours.astype(float), theirs.astype(float)))
    return float((np.exp(p) * (p - q)).sum(-1).mean())


def accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    return float(right(labels, logits).mean())


def _confusion(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Counts (true class, predicted class)."""
    count = logits.shape[1]
    return np.bincount(labels * count + decide(logits), minlength=count * count).reshape(count, count).astype(float)


def macro_f1(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean F1 over the classes that are among the labels."""
    table = _confusion(labels, logits)
    present = table.sum(1) > 0
    return float(np.mean(2 * table.diagonal()[present] / (table.sum(0) + table.sum(1))[present]))


def matthews(labels: np.ndarray, logits: np.ndarray) -> float:
    """Gorodkin's R_K; 0 where it is undefined."""
    table = _confusion(labels, logits)
    true, predicted, total = table.sum(1), table.sum(0), table.sum()
    spread = (total**2 - predicted @ predicted) * (total**2 - true @ true)
    return float((table.trace() * total - true @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


_SCORES: dict[str, Score] = {"accuracy": accuracy, "macro_f1": macro_f1, "matthews": matthews}
