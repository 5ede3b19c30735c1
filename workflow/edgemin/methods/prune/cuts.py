"""Units scored and cut."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.prune.scoring import Sample
from edgemin.methods.prune.units import counts_of
from edgemin.methods.structures.selection import select
from edgemin.methods.structures.units import Units


def cut_units(variant: Units, given: PruneInputs) -> Cut:
    """Cut in `variant.iterations` steps, with new scores before each. The facts hold the first scores, per layer."""
    if not variant.ratio:
        return Cut()
    sample = given.sample(variant.sentences, variant.ranked_by.reads_data)
    first: list[list[float]] = []
    for step in range(1, variant.iterations + 1):
        scores = scores_of(variant, given.model, sample, given.seed)
        first = first or scores
        whole, left = sum(map(len, first)), sum(map(len, scores))
        # share of the remaining units that brings the total cut to this step's share of the whole
        ratio = max(0.0, (variant.ratio * whole * step / variant.iterations - (whole - left)) / left)
        keep_best(variant, given.model, scores, ratio, must_cut=step == variant.iterations and left == whole)
    return Cut({"scores": first})


def scores_of(variant: Units, model: Classifier, sample: Sample, seed: int) -> list[list[float]]:
    """By the variant's criterion; a layer without units has no scores."""
    by_layer = variant.ranked_by.units(model, variant, sample, seed)
    if variant.normalise == "layer":
        by_layer = [layer / layer.norm().clamp(min=1e-20) for layer in by_layer]
    scores = iter(by_layer)
    none = torch.empty(0, dtype=torch.float64)
    return [(next(scores) if count else none).tolist() for count in counts_of(model, variant.structure)]


def keep_best(variant: Units, model: Classifier, scores: Sequence[Sequence[float]], ratio: float, must_cut: bool = True) -> None:
    """Cut this share of the units out of `model`, in place, whatever the variant's own ratio."""
    kept = select(scores, ratio, variant.scope, variant.floor, variant.whole, variant.structure, must_cut)
    variant.keep(model, kept)
