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
    found: dict[str, Size] = {}
    for table, key in family.tables.items():
        rows = values.get(key, 2 if key == "type_vocab_size" else None)
        found[f"embeddings.{table}.weight"] = (None if rows is None else int(rows), narrow)
    found |= _norm("embeddings.LayerNorm", narrow) | family.outside(config)
    for number, (heads, neurons) in enumerate(zip(structure.heads, structure.intermediate, strict=True)):
        layer = _layer(family, hidden, len(heads) * structure.head_dim, neurons)
        found |= {f"{family.layers}.{number}.{name}": shape for name, shape in layer.items()}
    return {f"{family.base}.{name}": shape for name, shape in found.items()}


def _layer(family: Family, hidden: int, inner: int, neurons: int) -> dict[str, Size]:
    """inner: width of the heads together. A part that was dropped, of width 0, has no weights."""
    found: dict[str, Size] = {}
    for name in (family.query, family.key, family.value) if inner else ():
        found |= _linear(name, inner, hidden)
    found |= _linear(family.output, hidden, inner) if inner else {}
    found |= {**_linear(family.ffn_in, neurons, hidden), **_linear(family.ffn_out, hidden, neurons)} if neurons else {}
    return {**found, **_norm(family.norms[0], hidden), **_norm(family.norms[1], hidden)}


def _linear(name: str, outputs: int, inputs: int) -> dict[str, Size]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, Size]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def canonical(names: Iterable[str], family: Family) -> dict[str, str]:
    """Names as a file has them -> as a sequence classifier has them: an encoder saved alone has no prefix, and old LayerNorms have
    gamma and beta."""
    names = list(names)
    alone = not any(name.startswith(f"{family.base}.") for name in names)
    apart = (*family.head, *family.left)
    found = {}
    for name in names:
        new = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        found[name] = f"{family.base}.{new}" if alone and not new.startswith(apart) else new
    return found


def may_be_left(name: str, family: Family) -> bool:
    """Whether a weight, by its canonical name, is one that only pretraining uses, or a buffer."""
    return name.startswith(family.left) or name in {f"{family.base}.{buffer}" for buffer in BUFFERS}


def unused(names: Mapping[str, str], used: Iterable[str], family: Family) -> list[str]:
    """Of the weights of a file, those that the model does not use and that may not be left. names: as `canonical` gives them."""
    known = set(used)
    return [name for name, new in names.items() if new not in known and not may_be_left(new, family)]


def told(names: Iterable[str]) -> str:
    """The first three, and how many more."""
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
