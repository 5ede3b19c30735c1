"""What each kind of pruning cuts out of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from edgemin.config.variants import Ffn, Layers, Pruning, Units, Weights, Width
from edgemin.encoders.families import Classifier, hidden_width, layers_of
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import drop_sublayers, keep_heads, keep_layers, keep_neurons
from edgemin.encoders.width import keep_width, width_magnitude
from edgemin.prune.criteria import hidden_sizes, reads_data, score
from edgemin.prune.layers import similarities
from edgemin.prune.selection import layers_that_keep, select
from edgemin.prune.weights import cut_weights, freeze_zeros
from edgemin.training.data import Examples, sampled


def cut(model: Classifier, variant: Pruning, examples: Callable[[], Examples], seed: int) -> dict[str, Any]:
    """Score and cut `model` in place; returns what was found, for the history. examples: gives the training split, if it is read."""
    if isinstance(variant, Layers):
        return cut_layers(model, variant, examples, seed)
    if isinstance(variant, Weights):
        cut_weights(model, variant.ratio, variant.scope, variant.criterion, seed)
        freeze_zeros(model)
        return {}
    if isinstance(variant, Width):
        kept = cut_width(model, variant, examples, seed)
        return {"width_kept": kept}
    assert isinstance(variant, Units)
    return {"scores": cut_units(model, variant, examples, seed)} if variant.ratio else {}


def cut_layers(model: Classifier, variant: Layers, examples: Callable[[], Examples], seed: int) -> dict[str, Any]:
    """Whole layers, or one block of each. Returns those that keep it and, if measured, how alike all layers leave their input."""
    similarity: list[float] = []
    if variant.strategy == "contribution":
        similarity = similarities(model, sampled(examples(), variant.sentences, seed), variant.part)
    structure = Structure.of(model.config)
    has = {"layer": layers_of(model), "attention": structure.heads, "ffn": structure.intermediate}[variant.part]
    kept = layers_that_keep(has, variant, similarity)
    if variant.part == "layer":
        keep_layers(model, kept)
    else:
        gone = [layer for layer in range(len(layers_of(model))) if layer not in kept]
        drop_sublayers(model, **{variant.part: gone})
    return {"similarity": similarity, "layers_kept": kept}


def cut_width(model: Classifier, variant: Width, examples: Callable[[], Examples], seed: int) -> list[int]:
    """Returns the dimensions that stay."""
    if variant.criterion == "activation":
        scores = hidden_sizes(model, sampled(examples(), variant.sentences, seed))
    elif variant.criterion == "random":
        width = hidden_width(model.config)
        scores = torch.rand(width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    else:
        scores = width_magnitude(model)
    multiple = math.lcm(variant.multiple, int(model.config.num_attention_heads))
    (kept,) = select([scores.tolist()], variant.ratio, "global", multiple, multiple, "dimensions")
    keep_width(model, kept)
    return kept


def cut_units(model: Classifier, variant: Units, examples: Callable[[], Examples], seed: int) -> list[list[float]]:
    """In `variant.iterations` steps, scoring anew before each; returns the first scores, per layer."""
    batches = batches_of(variant, examples, seed)
    first: list[list[float]] = []
    for step in range(1, variant.iterations + 1):
        scores = [layer.tolist() for layer in score(model, variant, batches, seed)]
        first = first or scores
        whole, left = sum(map(len, first)), sum(map(len, scores))
        # as much of what is left as brings the cut to this step's share of the whole
        ratio = max(0.0, (variant.ratio * whole * step / variant.iterations - (whole - left)) / left)
        must_cut = step == variant.iterations and left == whole
        keep_best(model, variant, scores, ratio, must_cut)
    return first


def batches_of(variant: Units, examples: Callable[[], Examples], seed: int) -> list[dict[str, Any]]:
    """What the criterion reads of the training split."""
    return sampled(examples(), variant.sentences, seed) if reads_data(variant) else []


def keep_best(model: Classifier, variant: Units, scores: Sequence[Sequence[float]], ratio: float, must_cut: bool = True) -> None:
    """Cut this share of the units out of `model`, in place, whatever the variant's own ratio."""
    keep = {"heads": keep_heads, "ffn": keep_neurons}[variant.structure]
    multiple = variant.multiple if isinstance(variant, Ffn) else 1
    keep(model, select(scores, ratio, variant.scope, variant.floor, multiple, variant.structure, must_cut))
