"""Scores of units, heads or neurons: the higher, the more worth keeping. Per layer one float64 score per unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from edgemin.config.variants import Units
from edgemin.distill.capture import Capture
from edgemin.encoders.families import Classifier, hidden_width, layers_of
from edgemin.prune.units import Kind, LayerUnits, counts_of, units_of
from edgemin.training.labels import labels_loss

Scores = list[torch.Tensor]


def reads_data(variant: Units) -> bool:
    """Whether the criterion looks at sentences."""
    return variant.criterion not in ("magnitude", "random")


def score(model: Classifier, variant: Units, batches: Sequence[dict[str, Any]], seed: int) -> Scores:
    """By the variant's criterion; a layer without units has no scores. batches: of training examples, for the criteria that
    read any."""
    kind, output_only = variant.structure, variant.matrices == "output"
    if variant.criterion == "magnitude":
        found = magnitude(model, kind, variant.p, output_only)
    elif variant.criterion == "random":
        generator = torch.Generator().manual_seed(seed)
        found = [torch.rand(layer.count, generator=generator, dtype=torch.float64) for layer in units_of(model, kind)]
    elif variant.criterion == "oracle":
        found = oracle(model, kind, batches)
    elif variant.criterion in ("gradient", "taylor"):
        found = gradients(model, kind, batches, variant.criterion, output_only)
    else:
        found = contexts(model, kind, batches, variant.criterion)
    if variant.normalise == "layer":
        found = [layer / layer.norm().clamp(min=1e-20) for layer in found]
    scores = iter(found)
    return [next(scores) if count else torch.empty(0, dtype=torch.float64) for count in counts_of(model, kind)]


@torch.no_grad()
def magnitude(model: Classifier, kind: Kind, p: int, output_only: bool = False) -> Scores:
    """The p-norm of all of a unit's weights, or of those that read it; for a head

        s_h = (|W_Q,h|_p^p + |W_K,h|_p^p + |W_V,h|_p^p + |W_O,h|_p^p) ^ (1/p).

    Biases do not count.
    """
    return [
        torch.stack([matrix.double().abs().pow(p).sum((1, 2)) for matrix in layer.weights(output_only)]).sum(0).pow(1 / p)
        for layer in units_of(model, kind)
    ]


def gradients(
    model: Classifier, kind: Kind, batches: Sequence[dict[str, Any]], criterion: str, output_only: bool = False
) -> Scores:
    """From the gradient of the mean loss over the examples, by a unit's weights w: `gradient` is its norm, `taylor` |sum w * g|,
    the first-order change of the loss if the weights went (Molchanov et al. 2017, arXiv 1611.06440)."""
    with _training_off(model):
        model.zero_grad()
        for batch in batches:
            _loss(model, batch).backward()
        found = []
        for layer in units_of(model, kind):
            pairs = zip(layer.weights(output_only), layer.gradients(output_only), strict=True)
            if criterion == "gradient":
                found.append(torch.stack([g.double().square().sum((1, 2)) for _, g in pairs]).sum(0).sqrt())
            else:
                found.append(torch.stack([(w.detach().double() * g.double()).sum((1, 2)) for w, g in pairs]).sum(0).abs())
        model.zero_grad()
    total = sum(len(batch["labels"]) for batch in batches)
    return [layer / total for layer in found]


def contexts(model: Classifier, kind: Kind, batches: Sequence[dict[str, Any]], criterion: str) -> Scores:
    """From what the units hand on. `activation`: the mean norm over real tokens. `michel`: the mean over examples of
    |dL / d gate|, the gate multiplying the unit's output (Michel et al. 2019, arXiv 1905.10650); it is the sum over tokens of
    output times gradient."""
    layers = units_of(model, kind)
    sums = [torch.zeros(layer.count, dtype=torch.float64) for layer in layers]
    count = 0.0
    with _training_off(model), _inputs_of(layers) as inputs:
        for batch in batches:
            mask = batch["inputs"]["attention_mask"].double()
            loss = _loss(model, batch)
            if criterion == "michel":
                found = torch.autograd.grad(loss, inputs)
                count += len(batch["labels"])
            else:
                count += float(mask.sum())
            for number, layer in enumerate(layers):
                x = inputs[number].detach().double().unflatten(-1, (-1, layer.width))
                if criterion == "michel":
                    gate = (x * found[number].double().unflatten(-1, (-1, layer.width))).sum((1, 3))
                    sums[number] += gate.abs().sum(0)
                else:
                    sums[number] += (x.norm(dim=-1) * mask[..., None]).sum((0, 1))
    return [layer / count for layer in sums]


@torch.no_grad()
def hidden_sizes(model: Classifier, batches: Sequence[dict[str, Any]]) -> torch.Tensor:
    """(width,): mean size of each hidden dimension over real tokens and all hidden states, from the embeddings on."""
    count = len(layers_of(model)) + 1
    total, tokens = torch.zeros(hidden_width(model.config), dtype=torch.float64), 0
    capture = Capture(model, hidden=True)
    try:
        with _training_off(model):
            for batch in batches:
                model(**batch["inputs"])
                mask = batch["inputs"]["attention_mask"].bool()
                for number in range(count):
                    total += capture.hidden(number)[mask].double().abs().sum(0)
                tokens += int(mask.sum())
    finally:
        capture.remove()
    return total / (tokens * count)


@torch.no_grad()
def oracle(model: Classifier, kind: Kind, batches: Sequence[dict[str, Any]]) -> Scores:
    """The rise of the mean loss when the unit alone is masked: what the other criteria estimate."""
    layers = units_of(model, kind)
    total = sum(len(batch["labels"]) for batch in batches)

    def loss() -> float:
        return sum(float(_loss(model, batch)) for batch in batches) / total

    with _training_off(model):
        whole, found = loss(), []
        for layer in layers:
            rises = []
            for unit in range(layer.count):
                with masked(layer, [unit]):
                    rises.append(loss() - whole)
            found.append(torch.tensor(rises, dtype=torch.float64))
    return found


@contextmanager
def masked(layer: LayerUnits, units: Sequence[int]) -> Iterator[None]:
    """What these units hand on is zero for a while."""
    gate = torch.ones(layer.count)
    gate[list(units)] = 0
    gate = gate.repeat_interleave(layer.width)
    handle = layer.read_by.register_forward_pre_hook(lambda module, arguments: (arguments[0] * gate.to(arguments[0]),))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _inputs_of(layers: Sequence[LayerUnits]) -> Iterator[list[torch.Tensor]]:
    """What the layers' output projections read in the last forward, in the order of the layers."""
    inputs: list[torch.Tensor] = [torch.empty(0)] * len(layers)

    def keep(number: int) -> Any:
        def hook(module: Any, arguments: Any) -> None:
            inputs[number] = arguments[0]

        return hook

    handles = [layer.read_by.register_forward_pre_hook(keep(number)) for number, layer in enumerate(layers)]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _training_off(model: Classifier) -> Iterator[None]:
    """No dropout while scores are taken."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _loss(model: Classifier, batch: dict[str, Any]) -> torch.Tensor:
    """The summed loss of a batch, so that an example's gradient does not depend on its neighbours."""
    return labels_loss(model(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"])
