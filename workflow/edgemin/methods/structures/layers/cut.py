"""Layers and blocks leave; which of them, what they contribute may say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.encoders.surgery import drop_sublayers, keep_layers
from edgemin.methods.distill.capture import Capture
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.structures.layers import Layers
from edgemin.methods.structures.selection import layers_that_keep
from edgemin.study.family import family_of
from edgemin.study.structure import Structure


def cut_layers(variant: Layers, given: PruneInputs) -> Cut:
    """The facts hold those that keep the part and, if measured, how alike all layers leave their input."""
    model, similarity = given.model, []
    if variant.strategy == "contribution":
        similarity = similarities(model, given.sample(variant.sentences).batches, variant.part)
    structure = Structure.of(model.config)
    has: Sequence[object] = {
        "layer": layers_of(model),
        "attention": structure.heads,
        "ffn": structure.intermediate,
    }[variant.part]
    kept = layers_that_keep(has, variant.drop, variant.strategy, similarity)
    if variant.part == "layer":
        keep_layers(model, kept)
    else:
        gone = [layer for layer in range(len(layers_of(model))) if layer not in kept]
        drop_sublayers(model, **{variant.part: gone})
    return Cut({"similarity": similarity, "layers_kept": kept})


@torch.no_grad()
def similarities(model: Classifier, batches: Sequence[dict[str, Any]], part: str = "layer") -> list[float]:
    """Per layer, the mean cosine of what enters and what leaves it at the first token, which the classifier reads.

    part: `layer`; or `attention` or `ffn`, the block with the LayerNorm after it.
    """
    layers = layers_of(model)
    sums = torch.zeros(len(layers), dtype=torch.float64)
    capture, between = Capture(model, hidden=True), [torch.empty(0)] * len(layers)

    def keep(number: int) -> Any:
        def hook(module: Any, arguments: Any) -> None:
            between[number] = arguments[0]

        return hook

    name = family_of(model.config).ffn_in  # reads what the attention block leaves
    handles = [layer.get_submodule(name).register_forward_pre_hook(keep(number)) for number, layer in enumerate(layers)]
    model.eval()
    try:
        for batch in batches:
            model(**batch["inputs"])
            for number in range(len(layers)):
                enters, leaves = capture.hidden(number), capture.hidden(number + 1)
                enters, leaves = {
                    "layer": (enters, leaves),
                    "attention": (enters, between[number]),
                    "ffn": (between[number], leaves),
                }[part]
                sums[number] += torch.cosine_similarity(enters[:, 0].double(), leaves[:, 0].double(), dim=-1).sum()
    finally:
        capture.remove()
        for handle in handles:
            handle.remove()
    return (sums / sum(len(batch["labels"]) for batch in batches)).tolist()
