"""A class is told where its logit is above 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Score = Callable[[np.ndarray, np.ndarray], float]


def gold(column: Any) -> np.ndarray:
    """(N, K) of 0 and 1; not a number in rows without labels."""
    count = len(next(value for value in column if value is not None))
    return np.array([np.full(count, np.nan) if value is None else value for value in column], dtype=np.float32)


def decide(logits: np.ndarray) -> np.ndarray:
    """(..., K) of 0 and 1."""
    return (logits > 0).astype(np.int8)


def score(metric: str) -> Score:
    return {"exact_match": exact_match, "micro_f1": micro_f1}[metric]


def right(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Whether every class of a text is right."""
    return np.asarray((decide(logits) == labels).all(-1))


def mean_of(metric: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    return right if metric == "exact_match" else None


def agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((decide(ours) == decide(theirs)).all(-1).mean())


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of the chances of each class, as of a coin."""
    p, q = (np.clip(1 / (1 + np.exp(-x.astype(float))), 1e-12, 1 - 1e-12) for x in (ours, theirs))
    return float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean())


def exact_match(labels: np.ndarray, logits: np.ndarray) -> float:
    return float(right(labels, logits).mean())


def micro_f1(labels: np.ndarray, logits: np.ndarray) -> float:
    """Of all classes together; 0 where nothing is told or true."""
    told = decide(logits)
    both = float((told * labels).sum())
    return 2 * both / max(1.0, float(told.sum() + labels.sum()))
