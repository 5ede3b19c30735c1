"""Task metrics, by name, through scikit-learn and scipy."""

from __future__ import annotations

import math

import numpy as np


def decisions(logits: np.ndarray, regression: bool) -> np.ndarray:
    """Predicted class index (ties: the lower), or the predicted value of a regression."""
    return logits[:, 0].astype(np.float64) if regression else logits.argmax(axis=1)


def compute(metric: str, labels: np.ndarray, logits: np.ndarray) -> float:
    """labels (N,), logits (N, K). Higher is better for every metric. A correlation with a constant is 0."""
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    if metric in ("pearson", "spearman"):
        values = decisions(logits, regression=True)
        if np.ptp(values) == 0 or np.ptp(labels) == 0:
            return 0.0
        return float((pearsonr if metric == "pearson" else spearmanr)(labels, values).statistic)
    predicted = decisions(logits, regression=False)
    functions = {
        "accuracy": lambda: accuracy_score(labels, predicted),
        "macro_f1": lambda: f1_score(labels, predicted, average="macro", labels=np.unique(labels)),
        "matthews": lambda: matthews_corrcoef(labels, predicted),
    }
    value = float(functions[metric]())
    assert math.isfinite(value), metric
    return value
