"""Queries, keys and values of chosen layers, caught by forward hooks on the projections.

`outputs.attentions` will not do: those are probabilities after dropout, already split into attention heads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from edgemin.encoders.families import Classifier, family_of, layers_of
from edgemin.errors import EdgeminError

PROJECTIONS = ("query", "key", "value")


def layer_number(model: Classifier, layer: int | str, key: str) -> int:
    """`last` or an index -> an index that exists. Raises EdgeminError naming the study's key."""
    count = len(layers_of(model))
    number = count - 1 if layer == "last" else int(layer)
    if number >= count:
        raise EdgeminError(f"{key}: layer {number} does not exist; the model has layers 0 to {count - 1}")
    return number


class Capture:
    """Hooks on the Q, K and V projections of `layers`; `self[layer, "query"]` is the last forward's (B, L, heads * d)."""

    def __init__(self, model: Classifier, layers: Iterable[int]) -> None:
        self._outputs: dict[tuple[int, str], torch.Tensor] = {}
        family = family_of(model.config)
        self._handles = []
        for number in set(layers):
            for projection in PROJECTIONS:
                module = layers_of(model)[number].get_submodule(getattr(family, projection))
                self._handles.append(module.register_forward_hook(self._keep(number, projection)))

    def _keep(self, number: int, projection: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: torch.Tensor) -> None:
            self._outputs[number, projection] = output

        return hook

    def __getitem__(self, key: tuple[int, str]) -> torch.Tensor:
        return self._outputs[key]

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()
