"""Shares of the classes, or the mean of the values."""

from __future__ import annotations

import numpy as np

from edgemin.methods.floor import Fitted, Rows


def fit(rows: Rows) -> Fitted:
    """`logits` (K,): the logarithm of each class's share of the training rows, so that their softmax is these shares; or (1,): the mean."""
    labels = rows.labels("train")
    if rows.classes is None:
        return Fitted({}, {"logits": np.array([labels.mean()])})
    with np.errstate(divide="ignore"):
        shares = np.log(np.bincount(labels, minlength=rows.classes) / len(labels))
    return Fitted({}, {"logits": np.maximum(shares, -100.0)})  # finite, for a class that has no row
