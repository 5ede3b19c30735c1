"""Gates on everything that CoFi can cut: how they act in a forward pass, and how they are folded into the weights.

Xia et al. 2022 (arXiv 2204.00408). There are gates on attention blocks, FFN blocks, heads, neurons and dimensions of the hidden
states. A hidden gate scales LayerNorm's output. LayerNorm uses only dimensions with open gates. So the gated model and the cut model, into whose
weights the gates are folded, compute the same function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.encoders.surgery import drop_sublayers, keep_heads, keep_neurons
from edgemin.encoders.width import hidden_slices, keep_width
from edgemin.methods.prune.units import counts_of, units_of
from edgemin.study.family import hidden_width
from edgemin.study.structure import Structure


@dataclass(frozen=True)
class Gates:
    """One value per prunable part. Layers without an attention (or an FFN) have none."""

    attention: torch.Tensor
    heads: list[torch.Tensor]
    ffn: torch.Tensor
    neurons: list[torch.Tensor]
    hidden: torch.Tensor

    @classmethod
    def all_open(cls, model: Classifier) -> Gates:
        heads, neurons = ([torch.ones(count) for count in counts_of(model, kind) if count] for kind in ("heads", "ffn"))
        hidden = torch.ones(hidden_width(model.config))
        return cls(torch.ones(len(heads)), heads, torch.ones(len(neurons)), neurons, hidden)

    def as_bits(self) -> Gates:
        """1 for what is open, 0 for what is closed."""
        heads, neurons = ([(gate > 0).float() for gate in units] for units in (self.heads, self.neurons))
        return Gates((self.attention > 0).float(), heads, (self.ffn > 0).float(), neurons, (self.hidden > 0).float())

    def closing_empty(self) -> Gates:
        """The same, with blocks closed that have no open unit."""
        return replace(self, attention=_where_any(self.attention, self.heads), ffn=_where_any(self.ffn, self.neurons))


def _where_any(blocks: torch.Tensor, units: list[torch.Tensor]) -> torch.Tensor:
    """On the device of the gates, which are learned on a GPU where there is one."""
    return blocks * torch.stack([gate.any() for gate in units]).to(blocks) if units else blocks


class Gated:
    """Hooks that put gates into every forward of `model`. current: gives the gates, asked once per forward."""

    def __init__(self, model: Classifier, current: Callable[[], Gates]) -> None:
        self.gates: Gates | None = None
        self._handles = [model.register_forward_pre_hook(lambda module, arguments: setattr(self, "gates", current()))]
        for kind, units, block in (("heads", "heads", "attention"), ("ffn", "neurons", "ffn")):
            for number, layer in enumerate(units_of(model, kind)):
                self._handles.append(layer.read_by.register_forward_pre_hook(self._units(units, number, layer.width)))
                self._handles.append(layer.read_by.register_forward_hook(self._block(block, number)))
        for owner, attribute, side in hidden_slices(model):
            module = getattr(owner, attribute)
            if side == "norm":
                self._handles.append(module.register_forward_hook(self._norm))
            elif side == "entry":
                self._handles.append(module.register_forward_hook(self._hidden))
            elif side == "both":
                self._handles.append(module.register_forward_hook(self._open))

    def _units(self, name: str, number: int, width: int) -> Any:
        def hook(module: nn.Module, arguments: Any) -> Any:
            gate = getattr(self.gates, name)[number].repeat_interleave(width)
            return (arguments[0] * gate.to(arguments[0]),)

        return hook

    def _block(self, name: str, number: int) -> Any:
        return lambda module, arguments, output: output * getattr(self.gates, name)[number].to(output)

    def _norm(self, module: nn.Module, arguments: Any, output: Any) -> Any:
        assert self.gates is not None
        assert isinstance(module, nn.LayerNorm)
        gate = self.gates.hidden.to(arguments[0].device)
        is_open, x = (gate > 0).float(), arguments[0].float()
        count = is_open.sum()
        centred = (x - (x * is_open).sum(-1, keepdim=True) / count) * is_open
        normed = centred * (centred.square().sum(-1, keepdim=True) / count + module.eps).rsqrt()
        return ((normed * module.weight + module.bias) * gate).to(output)

    def _hidden(self, module: nn.Module, arguments: Any, output: Any) -> Any:
        assert self.gates is not None
        return output * self.gates.hidden.to(output)

    def _open(self, module: nn.Module, arguments: Any, output: Any) -> Any:
        assert self.gates is not None
        return output * (self.gates.hidden > 0).to(output)

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()


@torch.no_grad()
def cut_by_gates(model: Classifier, gates: Gates) -> None:
    """Multiply the gates into the weights of `model` and remove closed parts, in place. A block without units is removed."""
    for kind, units, blocks in (("heads", gates.heads, gates.attention), ("ffn", gates.neurons, gates.ffn)):
        for layer, gate, block in zip(units_of(model, kind), units, blocks, strict=True):
            layer.read_by.weight.mul_(gate.repeat_interleave(layer.width)).mul_(block)
            layer.read_by.bias.mul_(block)
    for owner, attribute, side in hidden_slices(model):
        module = getattr(owner, attribute)
        if side == "norm":
            module.weight.mul_(gates.hidden)
            module.bias.mul_(gates.hidden)
        elif side == "entry":
            module.weight.mul_(gates.hidden[:, None])
            module.bias.mul_(gates.hidden)
    structure = Structure.of(model.config)
    with_attention = [number for number, heads in enumerate(structure.heads) if heads]
    with_ffn = [number for number, neurons in enumerate(structure.intermediate) if neurons]
    heads = _kept(len(structure.heads), with_attention, gates.heads, gates.attention)
    neurons = _kept(len(structure.heads), with_ffn, gates.neurons, gates.ffn)
    drop_sublayers(model, [n for n in with_attention if not heads[n]], [n for n in with_ffn if not neurons[n]])
    keep_heads(model, heads)
    keep_neurons(model, neurons)
    if not bool((gates.hidden > 0).all()):
        keep_width(model, gates.hidden.nonzero().flatten().tolist())


def _kept(layers: int, present: list[int], units: list[torch.Tensor], blocks: torch.Tensor) -> list[list[int]]:
    kept: list[list[int]] = [[] for _ in range(layers)]
    for number, gate, block in zip(present, units, blocks, strict=True):
        kept[number] = gate.nonzero().flatten().tolist() if block > 0 else []
    return kept
