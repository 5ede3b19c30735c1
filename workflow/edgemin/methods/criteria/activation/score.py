"""Mean sizes over the real tokens of a sample."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import Capture
from edgemin.methods.prune.scoring import Sample, Scores, evaluating, inputs_of
from edgemin.methods.prune.units import units_of
from edgemin.study.family import hidden_width


@torch.no_grad()
def units(model: Classifier, structure: str, sample: Sample) -> Scores:
    """The mean norm of each unit's output."""
    layers = units_of(model, structure)
    sums, tokens = [torch.zeros(layer.count, dtype=torch.float64) for layer in layers], 0.0
    with evaluating(model), inputs_of(layers) as inputs:
        for batch in sample.batches:
            mask = batch["inputs"]["attention_mask"].double()
            tokens += float(mask.sum())
            model(**batch["inputs"])
            for number, layer in enumerate(layers):
                x = inputs[number].double().unflatten(-1, (-1, layer.width))
                sums[number] += (x.norm(dim=-1) * mask[..., None]).sum((0, 1))
    return [layer / tokens for layer in sums]


@torch.no_grad()
def width(model: Classifier, sample: Sample) -> torch.Tensor:
    """(width,): mean size of each dimension over all hidden states, from the embeddings on."""
    count = len(layers_of(model)) + 1
    total, tokens = torch.zeros(hidden_width(model.config), dtype=torch.float64), 0
    capture = Capture(model, hidden=True)
    try:
        with evaluating(model):
            for batch in sample.batches:
                model(**batch["inputs"])
                mask = batch["inputs"]["attention_mask"].bool()
                for number in range(count):
                    total += capture.hidden(number)[mask].double().abs().sum(0)
                tokens += int(mask.sum())
    finally:
        capture.remove()
    return total / (tokens * count)
