"""Hidden states, raw attention scores, queries, keys and values of a forward pass, caught by hooks.

`outputs.attentions` will not do: those are probabilities after dropout, already masked, without the position bias told apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from edgemin.encoders.families import Classifier, family_of, layers_of
from edgemin.encoders.structure import Structure
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
    """Hooks on the Q, K and V projections of `layers`, and on what enters and leaves every layer if `hidden` is asked for.

    After a forward, `self[layer, "query"]` is (B, L, heads * d); `hidden(n)` and `scores(layer)` are what their names say.
    """

    def __init__(self, model: Classifier, layers: Iterable[int] = (), hidden: bool = False) -> None:
        self._outputs: dict[tuple[int, str], torch.Tensor] = {}
        self._model, family = model, family_of(model.config)
        self._handles = []
        wanted = set(layers)
        for number, layer in enumerate(layers_of(model)):
            if number in wanted and not Structure.of(model.config).heads[number]:
                raise EdgeminError(f"layer {number} has no attention any more; choose another layer, or another objective")
            for projection in PROJECTIONS if number in wanted else ():
                self._handles.append(
                    layer.get_submodule(getattr(family, projection)).register_forward_hook(self._keep(number, projection))
                )
            if number in wanted and family.position_bias:
                self._handles.append(layer.register_forward_pre_hook(self._keep_bias(number), with_kwargs=True))
            if hidden:
                self._handles.append(layer.register_forward_hook(self._keep(number + 1, "hidden")))
                if number == 0:
                    self._handles.append(layer.register_forward_pre_hook(self._keep_first))

    def _keep(self, number: int, name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            self._outputs[number, name] = output[0] if isinstance(output, tuple) else output

        return hook

    def _keep_first(self, module: nn.Module, arguments: Any) -> None:
        self._outputs[0, "hidden"] = arguments[0]

    def _keep_bias(self, number: int) -> Any:
        heads = list(Structure.of(self._model.config).heads[number])

        def hook(module: nn.Module, arguments: Any, named: Any) -> None:
            bias = named["position_bias"] if "position_bias" in named else arguments[2]
            self._outputs[number, "bias"] = bias[:, heads]

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
        width = Structure.of(self._model.config).head_dim
        q_BHLD, k_BHLD = (
            self._outputs[layer, name].float().unflatten(-1, (-1, width)).transpose(1, 2) for name in ("query", "key")
        )
        scores_BHQK = q_BHLD @ k_BHLD.transpose(-1, -2) / math.sqrt(width)
        if (layer, "bias") in self._outputs:
            scores_BHQK = scores_BHQK + self._outputs[layer, "bias"].float()
        return scores_BHQK.permute(0, 2, 3, 1)

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()
