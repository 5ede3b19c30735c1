"""A relative position bias per head is added to the scores, and pruned heads index it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from edgemin.encoders.blocks import Blocks


class MPNetBlocks(Blocks):
    """Blocks of MPNet, with its position bias."""

    adds_bias = True

    def bias(self, arguments: Any, named: Any) -> torch.Tensor:
        position_bias: torch.Tensor = named["position_bias"] if "position_bias" in named else arguments[2]
        return position_bias

    def bind(self, layer: nn.Module, heads: Sequence[int], head_dim: int) -> None:
        super().bind(layer, heads, head_dim)
        attention: Any = layer.get_submodule(self.family.attention)
        attention.forward = _HeadsOfBias(type(attention).forward, attention, heads)


class _HeadsOfBias:
    """Calls a module's own forward with the position bias (batch, all heads, query, key) cut to the kept heads."""

    def __init__(self, forward: Callable[..., Any], attention: nn.Module, heads: Sequence[int]) -> None:
        self.forward, self.attention, self.heads = forward, attention, list(heads)

    def __call__(
        self, hidden_states: Any, attention_mask: Any = None, position_bias: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if position_bias is not None and position_bias.shape[1] != len(self.heads):
            position_bias = position_bias[:, self.heads]
        return self.forward(self.attention, hidden_states, attention_mask, position_bias, *args, **kwargs)
