"""Prunable units: one interface for attention heads and FFN neurons.

A unit consists of the weight rows that compute it and the columns of the layer's output projection that read it.
All scoring code uses this interface and does not distinguish heads from neurons.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.study.family import family_of
from edgemin.study.structure import Structure


@dataclass(frozen=True)
class LayerUnits:
    """The units of one layer."""

    made_by: tuple[nn.Linear, ...]
    """Projections whose rows make the units: Q, K and V, or the first of the FFN."""
    read_by: nn.Linear
    """The projection whose columns read them."""
    width: int
    """Columns per unit: the head's width, or 1."""

    @property
    def count(self) -> int:
        return self.read_by.in_features // self.width

    def weights(self, output_only: bool = False) -> list[torch.Tensor]:
        """Views of the weight matrices with the units first: (units, width, other)."""
        rows = [] if output_only else [linear.weight for linear in self.made_by]
        return [matrix.unflatten(0, (-1, self.width)) for matrix in (*rows, self.read_by.weight.T)]

    def gradients(self, output_only: bool = False) -> list[torch.Tensor]:
        """The gradients of `weights`, which must have been computed."""
        rows = [] if output_only else [linear.weight.grad for linear in self.made_by]
        assert self.read_by.weight.grad is not None
        matrices = [*rows, self.read_by.weight.grad.T]
        return [matrix.unflatten(0, (-1, self.width)) for matrix in matrices if matrix is not None]


def units_of(model: Classifier, structure: str) -> list[LayerUnits]:
    """Per layer that has any. structure: `heads` or `ffn`."""
    family, head_dim = family_of(model.config), Structure.of(model.config).head_dim
    made, read, width = {
        "heads": ((family.query, family.key, family.value), family.output, head_dim),
        "ffn": ((family.ffn_in,), family.ffn_out, 1),
    }[structure]
    return [
        LayerUnits(tuple(layer.get_submodule(name) for name in made), layer.get_submodule(read), width)
        for layer in layers_of(model)
        if isinstance(layer.get_submodule(read), nn.Linear)
    ]


def counts_of(model: Classifier, structure: str) -> list[int]:
    """Units of every layer, 0 where there are none. structure: `heads` or `ffn`."""
    shape = Structure.of(model.config)
    return [len(heads) for heads in shape.heads] if structure == "heads" else list(shape.intermediate)
