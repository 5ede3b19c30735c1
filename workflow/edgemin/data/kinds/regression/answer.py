"""What a bundle answers: `predict.py` takes this function along."""

from __future__ import annotations

from typing import Any


def answer(logits: Any, labels: None) -> dict[str, Any]:
    """{"value": ...} for the logits (1,) of a text."""
    return {"value": float(logits[0])}
