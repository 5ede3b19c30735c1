"""Surgery: resize an encoder to a structure, or remove heads and layers from it.

transformers no longer has head pruning. Sliced Linear layers work in its models without other changes, because the models
infer the number of heads from the projection's width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Classifier, bind_heads, blocks_of, layers_of
from edgemin.study.family import family_of
from edgemin.study.structure import Structure


def resize(model: Classifier, structure: Structure) -> None:
    """Give the layers of a freshly built stock model the sizes of `structure`; the weights are left undefined."""
    family, blocks = family_of(model.config), blocks_of(model)
    for layer, heads, intermediate in zip(layers_of(model), structure.heads, structure.intermediate, strict=True):
        if width := len(heads) * structure.head_dim:
            for name in (family.query, family.key, family.value):
                _replace(layer, name, out=width)
            _replace(layer, family.output, into=width)
        else:
            blocks.drop_attention(layer)
        if intermediate:
            _replace(layer, family.ffn_in, out=intermediate)
            _replace(layer, family.ffn_out, into=intermediate)
        else:
            blocks.drop_ffn(layer)
    bind_heads(model, structure)


def _replace(layer: nn.Module, name: str, into: int | None = None, out: int | None = None) -> None:
    old = layer.get_submodule(name)
    assert isinstance(old, nn.Linear)
    into, out = into or old.in_features, out or old.out_features
    if (into, out) != (old.in_features, old.out_features):
        layer.set_submodule(name, nn.Linear(into, out, bias=old.bias is not None, dtype=old.weight.dtype))


@torch.no_grad()
def keep_heads(model: Classifier, keep: Sequence[Sequence[int]]) -> None:
    """Cut every head that is not kept out of the weights of `model`, in place.

    keep: per layer, positions among the heads that the layer has now. Rows of W_Q, W_K, W_V and their biases and
    columns of W_O are removed; b_O is kept. Raises EdgeminError if a layer would lose all heads; use `drop_sublayers` for that.
    """
    family = family_of(model.config)
    before = Structure.of(model.config)
    kept: list[tuple[int, ...]] = []
    for number, (layer, heads, positions) in enumerate(zip(layers_of(model), before.heads, keep, strict=True)):
        positions = sorted(positions)
        if not heads:
            kept.append(())
            continue
        if not positions:
            raise EdgeminError(f"layer {number} would keep no head; a layer keeps at least one")
        kept.append(tuple(heads[position] for position in positions))
        index = torch.cat([torch.arange(p * before.head_dim, (p + 1) * before.head_dim) for p in positions])
        for name in (family.query, family.key, family.value):
            _select(layer, name, rows=index)
        _select(layer, family.output, columns=index)
    after = Structure(tuple(kept), before.head_dim, before.intermediate)
    after.write(model.config)
    bind_heads(model, after)


@torch.no_grad()
def keep_neurons(model: Classifier, keep: Sequence[Sequence[int]]) -> None:
    """Cut every FFN neuron that is not kept out of the weights of `model`, in place.

    keep: per layer, positions among the neurons that the layer has now. Rows of the first projection and its bias and
    columns of the second are removed; the second's bias is kept. Raises EdgeminError if a layer would lose all neurons.
    """
    family = family_of(model.config)
    before = Structure.of(model.config)
    for number, (layer, width, positions) in enumerate(zip(layers_of(model), before.intermediate, keep, strict=True)):
        if not width:
            continue
        if not positions:
            raise EdgeminError(f"layer {number} would keep no neuron; a layer keeps at least one")
        index = torch.tensor(sorted(positions))
        _select(layer, family.ffn_in, rows=index)
        _select(layer, family.ffn_out, columns=index)
    after = Structure(before.heads, before.head_dim, tuple(map(len, keep)))
    after.write(model.config)
    bind_heads(model, after)


def _select(layer: nn.Module, name: str, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None) -> None:
    old = layer.get_submodule(name)
    assert isinstance(old, nn.Linear)
    layer.set_submodule(name, sliced(old, rows, columns))


@torch.no_grad()
def sliced(old: nn.Linear, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None) -> nn.Linear:
    """A new layer with these outputs and inputs of `old`; None: all."""
    weight = old.weight if rows is None else old.weight[rows]
    weight = weight if columns is None else weight[:, columns]
    new = nn.Linear(weight.shape[1], weight.shape[0], bias=old.bias is not None, dtype=weight.dtype)
    new.weight.copy_(weight)
    if old.bias is not None:
        new.bias.copy_(old.bias if rows is None else old.bias[rows])
    return new


def keep_layers(model: Classifier, keep: Sequence[int]) -> None:
    """Keep these layers of `model`, in place, with whatever was pruned in them. Raises EdgeminError for a layer it lacks."""
    before = Structure.of(model.config)
    layers = layers_of(model)
    missing = [index for index in keep if index >= len(layers)]
    if missing:
        raise EdgeminError(f"student.layers names layer {missing[0]}, the parent has layers 0 to {len(layers) - 1}")
    after = Structure(tuple(before.heads[i] for i in keep), before.head_dim, tuple(before.intermediate[i] for i in keep))
    family = family_of(model.config)
    model.get_submodule(family.base).set_submodule(family.layers, nn.ModuleList([layers[index] for index in keep]))
    after.write(model.config)
    bind_heads(model, after)


def drop_sublayers(model: Classifier, attention: Sequence[int] = (), ffn: Sequence[int] = ()) -> None:
    """Take the attention, or the FFN, out of these layers, in place; the LayerNorm after it stays."""
    blocks, before = blocks_of(model), Structure.of(model.config)
    heads, intermediate, layers = list(before.heads), list(before.intermediate), blocks.layers(model)
    for number in attention:
        blocks.drop_attention(layers[number])
        heads[number] = ()
    for number in ffn:
        blocks.drop_ffn(layers[number])
        intermediate[number] = 0
    Structure(tuple(heads), before.head_dim, tuple(intermediate)).write(model.config)
