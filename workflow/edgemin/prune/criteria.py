"""Scores of structures: the higher, the more worth keeping."""

from __future__ import annotations

import torch

from edgemin.encoders.families import Classifier, family_of, layers_of
from edgemin.encoders.structure import Structure


@torch.no_grad()
def head_magnitude(model: Classifier, p: int) -> list[torch.Tensor]:
    """Per layer, one score per head: the p-norm of all its weights,

        s_h = (|W_Q,h|_p^p + |W_K,h|_p^p + |W_V,h|_p^p + |W_O,h|_p^p) ^ (1/p),  in float64.

    Rows of W_Q, W_K, W_V and columns of W_O that belong to the head; biases do not count.
    """
    family = family_of(model.config)
    head_dim = Structure.of(model.config).head_dim
    scores = []
    for layer in layers_of(model):
        rows = [layer.get_submodule(name).weight for name in (family.query, family.key, family.value)]
        matrices = [*rows, layer.get_submodule(family.output).weight.T]
        powers = sum(matrix.double().abs().pow(p).unflatten(0, (-1, head_dim)).sum((1, 2)) for matrix in matrices)
        assert isinstance(powers, torch.Tensor)
        scores.append(powers.pow(1 / p))
    return scores
