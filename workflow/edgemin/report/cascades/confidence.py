"""How sure a model is: the probability of its answer, after temperature scaling (Guo et al. 2017, "On calibration of modern neural networks")."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

WIDEST = 100.0
"""Temperatures are between this and its inverse: a model that is always right has no best one, nor has one that is worse than chance."""


def temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature T that minimises the mean NLL of logits (N, K) / T at labels (N,); 1 where logits tell classes nowhere apart.

    The NLL is convex in 1/T, so T is the one zero of its derivative: logits weighted by probabilities, less the label's.
    """
    above = logits.astype(float) - logits[np.arange(len(labels)), labels][:, None]
    if not np.ptp(above, axis=1).any():
        return 1.0

    def slope(log_temperature: float) -> float:
        return float((softmax(above / np.exp(log_temperature), axis=-1) * above).sum(1).mean())

    widest = float(np.log(WIDEST))
    if slope(-widest) <= 0:
        return 1 / WIDEST
    if slope(widest) >= 0:
        return WIDEST
    return float(np.exp(brentq(slope, -widest, widest)))


def confidence(logits: np.ndarray, scale: float) -> np.ndarray:
    """(N,) the largest probability of each answer."""
    return np.asarray(softmax(logits.astype(float) / scale, axis=-1).max(-1))
