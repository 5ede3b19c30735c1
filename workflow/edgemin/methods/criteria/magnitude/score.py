"""Norms of weights. Biases do not count."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.encoders.width import hidden_slices
from edgemin.methods.prune.scoring import Scores
from edgemin.methods.prune.units import units_of
from edgemin.study.family import hidden_width


@torch.no_grad()
def units(model: Classifier, structure: str, p: int, output_only: bool = False) -> Scores:
    """The p-norm of all weights of a unit, or only of those that read its output. For a head:

    s_h = (|W_Q,h|_p^p + |W_K,h|_p^p + |W_V,h|_p^p + |W_O,h|_p^p) ^ (1/p).
    """
    return [
        torch.stack([matrix.double().abs().pow(p).sum((1, 2)) for matrix in layer.weights(output_only)]).sum(0).pow(1 / p)
        for layer in units_of(model, structure)
    ]


def weights(weight: torch.Tensor) -> torch.Tensor:
    """The absolute value of each weight."""
    return weight.abs()


@torch.no_grad()
def width(model: Classifier) -> torch.Tensor:
    """(width,): the 2-norm of all weights that are removed with a dimension."""
    total = torch.zeros(hidden_width(model.config), dtype=torch.float64)
    for owner, attribute, side in hidden_slices(model):
        weight = getattr(owner, attribute).weight.double().square()
        if side in ("rows", "both", "entry"):
            total += weight.sum(1)
        if side in ("columns", "both", "embedding"):
            total += weight.sum(0)
        if side == "norm":
            total += weight
    return total.sqrt()
