"""Surgery on the hidden width: the same dimensions leave embeddings, projections, LayerNorms and the classifier's head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import nn

from edgemin.encoders.families import Classifier, family_of, hidden_width, layers_of
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import bind_heads, sliced
from edgemin.errors import EdgeminError

Side = Literal["rows", "columns", "both", "norm", "embedding"]


def hidden_slices(model: Classifier) -> Iterator[tuple[nn.Module, str, Side]]:
    """(parent module, attribute, how) of every module whose shape has the hidden width in it."""
    family, width = family_of(model.config), hidden_width(model.config)
    inner = {family.query: "columns", family.key: "columns", family.value: "columns", family.output: "rows"}
    inner |= {family.ffn_in: "columns", family.ffn_out: "rows"}
    found = ((layer.get_submodule(name), how) for layer in layers_of(model) for name, how in inner.items())
    in_layers = {id(module): how for module, how in found if isinstance(module, nn.Linear)}  # a dropped sublayer has none
    projected = hasattr(getattr(model, family.base), "embeddings_project")  # ELECTRA's embeddings may be narrower
    for name, module in list(model.named_modules()):
        parent, _, attribute = name.rpartition(".")
        owner = model.get_submodule(parent)
        if id(module) in in_layers:
            yield owner, attribute, in_layers[id(module)]  # type: ignore[misc]
        elif "embeddings." in name and projected:
            continue
        elif isinstance(module, nn.LayerNorm):
            yield owner, attribute, "norm"
        elif isinstance(module, nn.Embedding) and "embeddings." in name:
            yield owner, attribute, "embedding"
        elif attribute == "embeddings_project":
            yield owner, attribute, "rows"
        elif isinstance(module, nn.Linear) and module.in_features == width:
            yield owner, attribute, "columns" if attribute in ("classifier", "out_proj") else "both"


@torch.no_grad()
def width_magnitude(model: Classifier) -> torch.Tensor:
    """(width,) float64: the 2-norm of all weights that a dimension's removal takes along; biases do not count."""
    total = torch.zeros(hidden_width(model.config), dtype=torch.float64)
    for owner, attribute, how in hidden_slices(model):
        weight = getattr(owner, attribute).weight.double().square()
        if how in ("rows", "both"):
            total += weight.sum(1)
        if how in ("columns", "both", "embedding"):
            total += weight.sum(0)
        if how == "norm":
            total += weight
    return total.sqrt()


@torch.no_grad()
def keep_width(model: Classifier, keep: Sequence[int]) -> None:
    """Keep these dimensions of the hidden states, in place. Heads keep their number and width. LayerNorms then see fewer
    dimensions, so that the function changes even where a dimension was always zero.

    Raises EdgeminError for a width that the stock model cannot be built with: no multiple of the config's heads.
    """
    config = model.config
    heads = int(config.num_attention_heads)
    if not keep or len(keep) % heads:
        raise EdgeminError(f"a width of {len(keep)} is no multiple of the {heads} heads of its config; keep another number")
    projected = hasattr(getattr(model, family_of(config).base), "embeddings_project")
    if projected and len(keep) == config.embedding_size:
        raise EdgeminError(
            f"a width of {len(keep)} is that of the embeddings, whose projection a stock model then lacks; keep another number"
        )
    structure, index = Structure.of(config), torch.tensor(sorted(keep))
    for owner, attribute, how in list(hidden_slices(model)):
        setattr(owner, attribute, _cut(getattr(owner, attribute), index, how))
    for name in ("hidden_size", "dim"):
        if name in config.to_dict():
            setattr(config, name, len(keep))
    if hasattr(config, "embedding_size") and not projected:
        config.embedding_size = len(keep)
    structure.write(config)
    bind_heads(model, structure)


def _cut(module: nn.Module, index: torch.Tensor, how: Side) -> nn.Module:
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
    rows, columns = how in ("rows", "both"), how in ("columns", "both")
    return sliced(module, index if rows else None, index if columns else None)
