"""The answer of a bundle. This function is copied into `predict.py`, so it needs only NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def answer(logits: Any, labels: list[str]) -> dict[str, Any]:
    """{"label": ..., "probabilities": {...}} for the logits (K,) of a text."""
    weights = np.exp(logits.astype(np.float64) - logits.max())
    weights /= weights.sum()
    shares = {label: round(float(share), 6) for label, share in zip(labels, weights, strict=True)}
    return {"label": labels[int(logits.argmax())], "probabilities": shares}
