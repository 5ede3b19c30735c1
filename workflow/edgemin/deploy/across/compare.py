"""How far two lists of answers to the same texts are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NUMBERS = ("probabilities", "value")
"""Parts of an answer that are numbers, not labels."""


def compare(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Both: logits (K,) and answer of each of N texts. Number of texts whose labels differ (None for a model that gives values), and the largest
    absolute difference of a logit and of a probability (None likewise)."""
    labels = [_labels(one) for one in ours]
    differ = sum(one != other for one, other in zip(labels, map(_labels, theirs), strict=True))
    return {
        "labels_differ": differ if any(labels) else None,
        "largest_logit": _largest([one["logits"] for one in ours], [one["logits"] for one in theirs]),
        "largest_probability": _largest(_chances(ours), _chances(theirs)) if any(_chances(ours)) else None,
    }


def _labels(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one["answer"].items() if key not in NUMBERS}


def _chances(rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [list(one["answer"].get("probabilities", {}).values()) for one in rows]


def _largest(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    return float(np.abs(np.array(ours, np.float64) - np.array(theirs, np.float64)).max())
