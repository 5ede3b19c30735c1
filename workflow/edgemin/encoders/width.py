"""Surgery on the hidden width: the same dimensions leave embeddings, projections, LayerNorms and the classifier's head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Classifier, Side, bind_heads, blocks_of
from edgemin.encoders.surgery import sliced
from edgemin.study.family import family_of, hidden_width
from edgemin.study.structure import Structure


def hidden_slices(model: Classifier) -> Iterator[tuple[nn.Module, str, Side]]:
    """(parent module, attribute, where) of every module whose shape has the hidden width in it."""
    family, blocks, width = family_of(model.config), blocks_of(model), hidden_width(model.config)
    inner: dict[str, Side] = {family.query: "columns", family.key: "columns", family.value: "columns", family.output: "rows"}
    inner |= {family.ffn_in: "columns", family.ffn_out: "rows"}
    inside = ((layer.get_submodule(name), side) for layer in blocks.layers(model) for name, side in inner.items())
    in_layers = {id(module): side for module, side in inside if isinstance(module, nn.Linear)}  # a dropped sublayer has none
    for name, module in list(model.named_modules()):
        parent, _, attribute = name.rpartition(".")
        side = in_layers.get(id(module)) or blocks.side(model, name, module, width)
        if side:
            yield model.get_submodule(parent), attribute, side


@torch.no_grad()
def keep_width(model: Classifier, keep: Sequence[int]) -> None:
    """Keep these dimensions of the hidden states, in place. Heads keep their number and width. LayerNorms then see fewer
    dimensions, so that the function changes even where a dimension was always zero.

    Raises EdgeminError for a width that the stock model cannot be built with: no multiple of the config's heads.
    """
    config, structure = model.config, Structure.of(model.config)
    heads = int(getattr(config, family_of(config).sizes[1]))
    if not keep or len(keep) % heads:
        raise EdgeminError(f"a width of {len(keep)} is no multiple of the {heads} heads of its config; keep another number")
    index, slices = torch.tensor(sorted(keep)), list(hidden_slices(model))
    blocks_of(model).set_width(model, len(keep))
    for owner, attribute, side in slices:
        setattr(owner, attribute, _cut(getattr(owner, attribute), index, side))
    structure.write(config)
    bind_heads(model, structure)


def _cut(module: nn.Module, index: torch.Tensor, side: Side) -> nn.Module:
    new: nn.Module
    if isinstance(module, nn.LayerNorm):
        new = nn.LayerNorm(len(index), eps=module.eps)
        new.weight.copy_(module.weight[index])
        new.bias.copy_(module.bias[index])
        return new
    if isinstance(module, nn.Embedding):
        new = nn.Embedding(module.num_embeddings, len(index), padding_idx=module.padding_idx)
        new.weight.copy_(module.weight[:, index])
        return new
    assert isinstance(module, nn.Linear)
    rows, columns = side in ("rows", "both", "entry"), side in ("columns", "both")
    return sliced(module, index if rows else None, index if columns else None)
