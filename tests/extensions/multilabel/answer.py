"""What a bundle answers: `predict.py` takes this function along, so it needs NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np


def answer(logits: Any, labels: list[str]) -> dict[str, Any]:
    """{"labels": [...], "probabilities": {...}} for the logits (K,) of a text."""
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    shares = {label: round(float(chance), 6) for label, chance in zip(labels, chances, strict=True)}
    return {"labels": [label for label, logit in zip(labels, logits, strict=True) if logit > 0], "probabilities": shares}
