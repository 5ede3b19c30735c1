"""Sublayers that are not there: what stands in the place of a dropped attention or FFN block.

The residual path and the LayerNorm after it stay, so that a block whose output is zero and a block that is gone are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from edgemin.encoders.families import Family


class Absent(nn.Module):
    """In place of a projection: adds nothing, whatever it reads."""

    def forward(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return hidden_states.new_zeros(1)  # broadcasts against the residual


def _no_attention(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
    return hidden_states.new_zeros(1), None


def drop_attention(layer: nn.Module, family: Family) -> None:
    for name in (family.query, family.key, family.value, family.output):
        layer.set_submodule(name, Absent())
    layer.get_submodule(family.attention).forward = _no_attention


def drop_ffn(layer: nn.Module, family: Family) -> None:
    layer.set_submodule(family.ffn_in, Absent())
    layer.set_submodule(family.ffn_out, Absent())
