"""Hooks capture hidden states, raw attention scores, queries, keys and values of a forward pass.

`outputs.attentions` is not enough: it holds masked probabilities after dropout, with the position bias already added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Classifier, blocks_of, layers_of
from edgemin.study.structure import Structure

PROJECTIONS = ("query", "key", "value")


def layer_number(model: Classifier, layer: int | str, key: str) -> int:
    """`last` or an index -> an index that exists. Raises EdgeminError naming the study's key."""
    count = len(layers_of(model))
    number = count - 1 if layer == "last" else int(layer)
    if number >= count:
        raise EdgeminError(f"{key}: layer {number} does not exist; the model has layers 0 to {count - 1}")
    return number


class Capture:
    """Hooks on the Q, K and V projections of `layers`. With `hidden`, also on the inputs and outputs of every layer.

    After a forward pass, `self[layer, "query"]` is (B, L, heads * d). `hidden(n)` and `scores(layer)` give hidden states and scores.
    """

    def __init__(self, model: Classifier, layers: Iterable[int] = (), hidden: bool = False) -> None:
        self._outputs: dict[tuple[int, str], torch.Tensor] = {}
        self._model, self._blocks = model, blocks_of(model)
        self._width = Structure.of(model.config).head_dim
        self._handles: list[Any] = []
        stack = self._blocks.layers(model)
        for number in sorted(set(layers)):
            self._watch_attention(number, stack[number])
        if hidden:
            self._handles.append(stack[0].register_forward_pre_hook(self._keep_first))
            self._handles += [layer.register_forward_hook(self._keep(n, "hidden")) for n, layer in enumerate(stack, 1)]

    def _watch_attention(self, number: int, layer: nn.Module) -> None:
        heads = list(Structure.of(self._model.config).heads[number])
        if not heads:
            raise EdgeminError(f"layer {number} has no attention any more; choose another layer, or another objective")
        for projection in PROJECTIONS:
            module = layer.get_submodule(getattr(self._blocks.family, projection))
            self._handles.append(module.register_forward_hook(self._keep(number, projection)))
        if self._blocks.adds_bias:
            self._handles.append(layer.register_forward_pre_hook(self._keep_bias(number, heads), with_kwargs=True))

    def _keep(self, number: int, name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            self._outputs[number, name] = output[0] if isinstance(output, tuple) else output

        return hook

    def _keep_first(self, module: nn.Module, arguments: Any) -> None:
        self._outputs[0, "hidden"] = arguments[0]

    def _keep_bias(self, number: int, heads: list[int]) -> Any:
        def hook(module: nn.Module, arguments: Any, named: Any) -> None:
            self._outputs[number, "bias"] = self._blocks.bias(arguments, named)[:, heads]

        return hook

    def __getitem__(self, key: tuple[int, str]) -> torch.Tensor:
        return self._outputs[key]

    def hidden(self, number: int) -> torch.Tensor:
        """(B, L, width) float32: 0 is what enters the first layer, n what leaves the n-th."""
        return self._outputs[number, "hidden"].float()

    def scores(self, layer: int) -> torch.Tensor:
        """Raw attention scores (B, L query, L key, heads) float32: QK^T / sqrt(d), plus the position bias where there is one.

        Padded positions hold whatever they hold: mask them.
        """
        q_BHLD, k_BHLD = (
            self._outputs[layer, name].float().unflatten(-1, (-1, self._width)).transpose(1, 2) for name in ("query", "key")
        )
        scores_BHQK = q_BHLD @ k_BHLD.transpose(-1, -2) / math.sqrt(self._width)
        if (layer, "bias") in self._outputs:
            scores_BHQK = scores_BHQK + self._outputs[layer, "bias"].float()
        return scores_BHQK.permute(0, 2, 3, 1)

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()
