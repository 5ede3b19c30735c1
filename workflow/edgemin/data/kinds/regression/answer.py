"""The answer of a bundle: this function is copied into `predict.py`."""

from __future__ import annotations

from typing import Any


def answer(logits: Any, labels: None) -> dict[str, Any]:
    """{"value": ...} for the logits (1,) of a text."""
    return {"value": float(logits[0])}
