"""Uniform random scores from a seed."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.scoring import Scores
from edgemin.methods.prune.units import units_of
from edgemin.study.family import hidden_width


def units(model: Classifier, structure: str, seed: int) -> Scores:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(layer.count, generator=generator, dtype=torch.float64) for layer in units_of(model, structure)]


def weights(weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(weight.shape, generator=generator)


def width(model: Classifier, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(hidden_width(model.config), generator=generator, dtype=torch.float64)
