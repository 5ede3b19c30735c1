"""The value itself, and how it goes with the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Score = Callable[[np.ndarray, np.ndarray], float]


def gold(column: Any) -> np.ndarray:
    """Values; not a number where there is none."""
    return column.to_numpy(np.float64)


def decide(logits: np.ndarray) -> np.ndarray:
    return logits[..., 0].astype(np.float64)


def score(metric: str) -> Score:
    return _SCORES[metric]


def right(labels: np.ndarray, logits: np.ndarray) -> None:
    return None


def mean_of(metric: str) -> None:
    return None


def agreement(ours: np.ndarray, theirs: np.ndarray) -> None:
    return None


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean squared difference."""
    return float(np.square(ours - theirs).mean())


def pearson(labels: np.ndarray, logits: np.ndarray) -> float:
    """0 where one of both is constant."""
    values = decide(logits)
    if np.ptp(values) == 0 or np.ptp(labels) == 0:
        return 0.0
    return float(np.corrcoef(labels, values)[0, 1])


def spearman(labels: np.ndarray, logits: np.ndarray) -> float:
    """Pearson's of the ranks, equal ones sharing the mean of theirs."""
    from scipy.stats import rankdata

    return pearson(rankdata(labels), rankdata(logits[:, 0])[:, None])


_SCORES: dict[str, Score] = {"pearson": pearson, "spearman": spearman}
