"""The number of parameters that the gates keep: by CoFi's own count, and of the whole model.

Both counts are polynomials of the gates. With probabilities of being open they give a differentiable expected size.
With zeros and ones they give the size of the cut model.
"""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.encoders.width import hidden_slices
from edgemin.methods.prune.units import units_of
from edgemin.methods.structures.cofi.gates import Gates
from edgemin.study.family import hidden_width
from edgemin.study.structure import Structure


def prunable(model: Classifier, gates: Gates) -> torch.Tensor:
    """CoFi's count (Xia et al. 2022, arXiv 2204.00408): weights and biases of attention and FFN, without embeddings, LayerNorms,
    pooler and classifier. 85,017,600 for BERT-base with every gate open. A closed hidden dimension takes its share of all of it,
    biases included, and every unit its share of the output's bias."""
    width, head_dim = hidden_width(model.config), Structure.of(model.config).head_dim
    total = gates.hidden.new_zeros(())
    for block, heads in zip(gates.attention, gates.heads, strict=True):
        total = total + block * heads.sum() * (4 * width * head_dim + 3 * head_dim + width / len(heads))
    for block, neurons in zip(gates.ffn, gates.neurons, strict=True):
        total = total + block * neurons.sum() * (2 * width + 1 + width / len(neurons))
    return total * gates.hidden.sum() / width


def whole(model: Classifier, gates: Gates) -> torch.Tensor:
    """All parameters that `cut_by_gates` leaves."""
    width, head_dim = gates.hidden.sum(), Structure.of(model.config).head_dim
    full = hidden_width(model.config)
    counted = 0  # of the parameters below, as many as there are now
    total = gates.hidden.new_zeros(())
    for block, heads in zip(gates.attention, gates.heads, strict=True):
        total = total + block * (heads.sum() * (4 * width * head_dim + 3 * head_dim) + width)
        counted += len(heads) * (4 * full * head_dim + 3 * head_dim) + full
    for block, neurons in zip(gates.ffn, gates.neurons, strict=True):
        total = total + block * (neurons.sum() * (2 * width + 1) + width)
        counted += len(neurons) * (2 * full + 1) + full
    layers = [*units_of(model, "heads"), *units_of(model, "ffn")]
    inside = {id(linear) for layer in layers for linear in (*layer.made_by, layer.read_by)}
    for owner, attribute, side in hidden_slices(model):
        module = getattr(owner, attribute)
        if id(module) in inside:
            continue
        counted += sum(parameter.numel() for parameter in module.parameters())
        if side == "norm":
            total = total + 2 * width
        elif side == "embedding":
            total = total + module.num_embeddings * width
        elif side == "both":
            total = total + width * width + width
        elif side == "columns":
            total = total + module.out_features * (width + 1)
        else:
            total = total + width * (module.in_features + 1)
    return total + (sum(parameter.numel() for parameter in model.parameters()) - counted)


SIZES = {"prunable": prunable, "model": whole}
