"""The predictions of a model in training."""

from __future__ import annotations

import numpy as np
import torch

from edgemin.encoders.blocks import Classifier
from edgemin.training.data import Examples

BATCH = 64


@torch.no_grad()
def predict(model: Classifier, examples: Examples) -> np.ndarray:
    """float32 logits (N, K) in the order of the examples, computed in float32 whatever the training precision."""
    model.eval()
    device = next(model.parameters()).device
    order = np.argsort(examples.lengths, kind="stable")
    logits: list[np.ndarray] = [np.empty(0)] * len(order)
    for start in range(0, len(order), BATCH):
        indices = order[start : start + BATCH].tolist()
        inputs = {name: values.to(device) for name, values in examples.collate(indices)["inputs"].items()}
        for index, row in zip(indices, model(**inputs).logits.float().cpu().numpy(), strict=True):
            logits[index] = row
    return np.stack(logits)
