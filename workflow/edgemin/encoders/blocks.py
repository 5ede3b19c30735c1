"""Access to a model's layers for hooks and surgery: the computing half of a family, in the form of most families.

A family with other modules overrides the methods that differ, in `families/{name}/blocks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from torch import nn

from edgemin.study.family import Family, family_of
from edgemin.study.structure import Structure

Classifier: TypeAlias = Any
"""A transformers ...ForSequenceClassification model (an nn.Module with a `config`)."""
Side = Literal["rows", "columns", "both", "norm", "embedding", "entry"]
"""Where the hidden width is in a module's shape. `entry`: in the rows, and the output is a hidden state without a LayerNorm."""


class Absent(nn.Module):
    """Replaces a projection of a dropped block. Its output is zero."""

    def forward(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return hidden_states.new_zeros(1)  # broadcasts against the residual


def _no_attention(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
    return hidden_states.new_zeros(1), None


class Blocks:
    """The layers of one family's models."""

    adds_bias: ClassVar[bool] = False
    """Whether a position bias is added to the raw attention scores."""
    counts: ClassVar[tuple[str, ...]] = ("num_attention_heads",)
    """Attributes of an attention module that hold its number of heads."""
    outputs: ClassVar[tuple[str, ...]] = ("classifier", "out_proj")
    """Names of the last linear layer, whose rows are classes."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def layers(self, model: Classifier) -> Any:
        """The nn.ModuleList of encoder layers."""
        return model.get_submodule(f"{self.family.base}.{self.family.layers}")

    def bias(self, arguments: Any, named: Any) -> torch.Tensor:
        """The position bias (batch, all heads, query, key), out of the arguments of a layer's forward."""
        raise NotImplementedError

    def bind(self, layer: nn.Module, heads: Sequence[int], head_dim: int) -> None:
        """Set the number and the width of heads in the attention module of a layer."""
        attention: Any = layer.get_submodule(self.family.attention)
        attention.attention_head_size = head_dim
        attention.all_head_size = len(heads) * head_dim
        if hasattr(attention, "scaling"):
            attention.scaling = head_dim**-0.5  # its own was taken from the width of the hidden states
        for name in self.counts:
            setattr(attention, name, len(heads))

    def drop_attention(self, layer: nn.Module) -> None:
        """Remove the attention block from a layer. The residual path and the LayerNorm after it are kept. So a removed block and a
        block whose output is zero compute the same."""
        family = self.family
        for name in (family.query, family.key, family.value, family.output):
            layer.set_submodule(name, Absent())
        layer.get_submodule(family.attention).forward = _no_attention

    def drop_ffn(self, layer: nn.Module) -> None:
        """Remove the FFN from a layer, in the same way."""
        layer.set_submodule(self.family.ffn_in, Absent())
        layer.set_submodule(self.family.ffn_out, Absent())

    def side(self, model: Classifier, name: str, module: nn.Module, width: int) -> Side | None:
        """Where the hidden width is in a module outside the layers' projections; None: it is not. name: its dotted name."""
        attribute = name.rpartition(".")[2]
        if isinstance(module, nn.LayerNorm):
            return "norm"
        if isinstance(module, nn.Embedding) and "embeddings." in name:
            return "embedding"
        if isinstance(module, nn.Linear) and module.in_features == width:
            return "columns" if attribute in self.outputs else "both"
        return None

    def set_width(self, model: Classifier, width: int) -> None:
        """Write another hidden width into the config. Raises EdgeminError for a width that a stock model does not allow."""
        setattr(model.config, self.family.sizes[2], width)


def blocks_of(model: Classifier) -> Blocks:
    """The computing half of a model's family."""
    return family_of(model.config).blocks()


def layers_of(model: Classifier) -> Any:
    """The nn.ModuleList of encoder layers of a sequence-classification model."""
    return blocks_of(model).layers(model)


def bind_heads(model: Classifier, structure: Structure) -> None:
    """Set the sizes of all attention modules of a model."""
    blocks = blocks_of(model)
    for layer, heads in zip(blocks.layers(model), structure.heads, strict=True):
        if heads:
            blocks.bind(layer, heads, structure.head_dim)
