"""The mean over examples of |dL / d gate|, the gate multiplying the unit's output (Michel et al. 2019, arXiv 1905.10650)."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.scoring import Sample, Scores, evaluating, inputs_of
from edgemin.methods.prune.units import units_of


def units(model: Classifier, structure: str, sample: Sample) -> Scores:
    """The gradient with respect to a gate is the sum over tokens of output times gradient."""
    layers = units_of(model, structure)
    sums = [torch.zeros(layer.count, dtype=torch.float64) for layer in layers]
    with evaluating(model), inputs_of(layers) as inputs:
        for batch in sample.batches:
            gradients = torch.autograd.grad(sample.loss(model, batch), inputs)
            for number, layer in enumerate(layers):
                x, gradient = (y.detach().double().unflatten(-1, (-1, layer.width)) for y in (inputs[number], gradients[number]))
                sums[number] += (x * gradient).sum((1, 3)).abs().sum(0)
    return [layer / float(len(sample)) for layer in sums]
