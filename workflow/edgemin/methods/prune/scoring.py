"""Shared by all criteria: a sample of sentences, gates on units, the outputs of units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.units import LayerUnits

Scores = list[torch.Tensor]
"""Per layer that has any units, one float64 score per unit."""


@dataclass(frozen=True)
class Sample:
    """Batches of training sentences, and the loss of the kind of task."""

    batches: Sequence[dict[str, Any]]
    mean_loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

    def __len__(self) -> int:
        """The number of sentences."""
        return sum(len(batch["labels"]) for batch in self.batches)

    def loss(self, model: Classifier, batch: dict[str, Any]) -> torch.Tensor:
        """The summed loss of a batch, so that an example's gradient does not depend on its neighbours."""
        return self.mean_loss(model(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"])


@contextmanager
def masked(layer: LayerUnits, units: Sequence[int]) -> Iterator[None]:
    """Set the outputs of these units to zero inside the context."""
    gate = torch.ones(layer.count)
    gate[list(units)] = 0
    gate = gate.repeat_interleave(layer.width)
    handle = layer.read_by.register_forward_pre_hook(lambda module, arguments: (arguments[0] * gate.to(arguments[0]),))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def inputs_of(layers: Sequence[LayerUnits]) -> Iterator[list[torch.Tensor]]:
    """The inputs of the layers' output projections in the last forward pass, in the order of the layers."""
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
def evaluating(model: Classifier) -> Iterator[None]:
    """No dropout while scores are taken."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
