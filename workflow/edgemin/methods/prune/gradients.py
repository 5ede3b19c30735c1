"""Gradients of the mean loss over a sample, by units."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.scoring import Sample, Scores, evaluating
from edgemin.methods.prune.units import units_of

Pairs = Iterable[tuple[torch.Tensor, torch.Tensor]]
"""(weights, gradients), each (units, width, other)."""


def from_gradients(
    model: Classifier, structure: str, sample: Sample, output_only: bool, score: Callable[[Pairs], torch.Tensor]
) -> Scores:
    """`score` of every layer's weights and summed gradients, divided by the number of sentences."""
    with evaluating(model):
        model.zero_grad()
        for batch in sample.batches:
            sample.loss(model, batch).backward()
        scores = []
        for layer in units_of(model, structure):
            scores.append(score(zip(layer.weights(output_only), layer.gradients(output_only), strict=True)))
        model.zero_grad()
    return [layer / len(sample) for layer in scores]
