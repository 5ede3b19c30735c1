"""The weights that an encoder of a config has: names and shapes. Needs no torch; a test compares with transformers' own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgemin.study.family import Family, family_of, hidden_width, values_of
from edgemin.study.structure import Structure

Size = tuple[int | None, ...]
"""A shape; None: as the file has it."""
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""No weights: positions from 0 on and zeros, which older transformers saved."""


def encoder_weights(config: Any) -> dict[str, Size]:
    """Of a config (or its dict), without pooler and classifier: name below the sequence classifier -> shape."""
    values, family, structure, hidden = values_of(config), family_of(config), Structure.of(config), hidden_width(config)
    narrow = family.embedding_width(config)
    weights: dict[str, Size] = {}
    for table, key in family.tables.items():
        rows = values.get(key, 2 if key == "type_vocab_size" else None)
        weights[f"embeddings.{table}.weight"] = (None if rows is None else int(rows), narrow)
    weights |= _norm("embeddings.LayerNorm", narrow) | family.outside(config)
    for number, (heads, neurons) in enumerate(zip(structure.heads, structure.intermediate, strict=True)):
        layer = _layer(family, hidden, len(heads) * structure.head_dim, neurons)
        weights |= {f"{family.layers}.{number}.{name}": shape for name, shape in layer.items()}
    return {f"{family.base}.{name}": shape for name, shape in weights.items()}


def _layer(family: Family, hidden: int, inner: int, neurons: int) -> dict[str, Size]:
    """inner: width of the heads together. A part that was dropped, of width 0, has no weights."""
    weights: dict[str, Size] = {}
    for name in (family.query, family.key, family.value) if inner else ():
        weights |= _linear(name, inner, hidden)
    weights |= _linear(family.output, hidden, inner) if inner else {}
    weights |= {**_linear(family.ffn_in, neurons, hidden), **_linear(family.ffn_out, hidden, neurons)} if neurons else {}
    return {**weights, **_norm(family.norms[0], hidden), **_norm(family.norms[1], hidden)}


def _linear(name: str, outputs: int, inputs: int) -> dict[str, Size]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, Size]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def canonical(names: Iterable[str], family: Family) -> dict[str, str]:
    """Names in a file -> names in a sequence classifier. An encoder saved alone has no prefix. Old LayerNorms have gamma and
    beta."""
    names = list(names)
    alone = not any(name.startswith(f"{family.base}.") for name in names)
    apart = (*family.head, *family.left)
    renamed = {}
    for name in names:
        new = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        renamed[name] = f"{family.base}.{new}" if alone and not new.startswith(apart) else new
    return renamed


def may_be_left(name: str, family: Family) -> bool:
    """Whether a weight, by its canonical name, is one that only pretraining uses, or a buffer."""
    return name.startswith(family.left) or name in {f"{family.base}.{buffer}" for buffer in BUFFERS}


def unused(names: Mapping[str, str], used: Iterable[str], family: Family) -> list[str]:
    """The weights of a file that the model does not use and that may not be ignored. names: result of `canonical`."""
    known = set(used)
    return [name for name, new in names.items() if new not in known and not may_be_left(new, family)]


def abbreviated(names: Iterable[str]) -> str:
    """The first three, and how many more."""
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
