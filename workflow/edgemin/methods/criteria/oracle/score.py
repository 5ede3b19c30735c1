"""Mask one unit at a time and measure the loss."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.scoring import Sample, Scores, evaluating, masked
from edgemin.methods.prune.units import units_of


@torch.no_grad()
def units(model: Classifier, structure: str, sample: Sample) -> Scores:
    """The increase of the mean loss when only this unit is masked."""

    def loss() -> float:
        return sum(float(sample.loss(model, batch)) for batch in sample.batches) / len(sample)

    with evaluating(model):
        whole, scores = loss(), []
        for layer in units_of(model, structure):
            rises = []
            for unit in range(layer.count):
                with masked(layer, [unit]):
                    rises.append(loss() - whole)
            scores.append(torch.tensor(rises, dtype=torch.float64))
    return scores
