"""Unstructured pruning: single weights of the encoder's linear layers become zero; their matrices keep their shape."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.structures.weights import Weights
from edgemin.study.criterion import criterion_of


def cut(variant: Weights, given: PruneInputs) -> Cut:
    """Zeros that stay zeros in what is trained after."""
    cut_weights(given.model, variant.ratio, variant.scope, variant.criterion, given.seed)
    freeze_zeros(given.model)
    return Cut()


def linear_weights(model: Classifier) -> list[torch.Tensor]:
    """The weight matrices inside the encoder's layers; embeddings, pooler and classifier are left alone."""
    return [module.weight for layer in layers_of(model) for module in layer.modules() if isinstance(module, nn.Linear)]


@torch.no_grad()
def cut_weights(model: Classifier, ratio: float, scope: str, criterion: str, seed: int) -> None:
    """Set round(ratio * number) of the weights to zero, in place: those of the lowest score.

    scope: `global` ranks all matrices together, `per_layer` each by itself.
    """
    weights = linear_weights(model)
    generator = torch.Generator().manual_seed(seed)
    ranked = criterion_of(criterion, "weights")
    scores = [ranked.weights(weight, generator) for weight in weights]
    if scope == "per_layer":
        for weight, score in zip(weights, scores, strict=True):
            _zero_lowest([weight], [score], ratio)
    else:
        _zero_lowest(weights, scores, ratio)


def _zero_lowest(weights: Sequence[torch.Tensor], scores: Sequence[torch.Tensor], ratio: float) -> None:
    flat = torch.cat([score.flatten() for score in scores])
    lowest = torch.zeros(len(flat), dtype=torch.bool)
    lowest[flat.topk(round(ratio * len(flat)), largest=False).indices] = True
    for weight, mask in zip(weights, lowest.split([weight.numel() for weight in weights]), strict=True):
        weight.masked_fill_(mask.view_as(weight), 0)


def freeze_zeros(model: Classifier) -> None:
    """Zero weights of the linear layers get no gradient, so they stay zero in training (AdamW decays 0 to 0)."""
    for weight in linear_weights(model):
        alive = weight.detach() != 0
        weight.register_hook(lambda gradient, alive=alive: gradient * alive.to(gradient.device))
