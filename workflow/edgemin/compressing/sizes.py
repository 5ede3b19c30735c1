"""Parameters and bytes of an encoder or a static student that is not made yet: arithmetic of its config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from edgemin.study.family import family_of, hidden_width
from edgemin.study.structure import Structure

TOKENIZER = 23.3
"""Bytes of tokenizer.json for each token: 711,396 for the 30,522 of BERT's English vocabulary."""
GROUP = 16
"""Neighbours that share a scale where an encoder has four bits."""
EMBEDDINGS = {"float": 4.0, "int8": 1.0, "int4": 0.5 + 4 / GROUP}
"""Bytes of a value; a scale has four bytes."""
LINEAR = {"float": 4.0, "int8": 1.0, "int4": 0.5 + 1 / GROUP}
"""A group has a multiplier of one byte."""
HEAD = {"float": 4.0, "int8": 4.0, "int4": 1.0 + 4 / GROUP}
"""Of the head, which has 8 bits where the rest has four."""
VECTORS = {"float": 4.0, "int4": 0.5 + 4 / 32}
"""Of a static student, whose groups have 32."""
MULTIPLE = 8
"""A layer keeps a multiple of so many neurons."""


@dataclass(frozen=True)
class Sizes:
    """Heads and neurons per layer; widths; rows of the embedding tables."""

    hidden: int
    head_dim: int
    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    embedding: int
    vocabulary: int
    others: int
    """Rows of the other tables: positions and types."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Sizes:
        """Of a config that `study.foreign.check_config` takes."""
        family, structure = family_of(config), Structure.of(config)
        rows = {key: int(config.get(key, 2 if key == "type_vocab_size" else 0)) for key in family.tables.values()}
        vocabulary = rows.pop("vocab_size")
        heads = tuple(map(len, structure.heads))
        return cls(
            hidden_width(config),
            structure.head_dim,
            heads,
            structure.intermediate,
            family.embedding_width(config),
            vocabulary,
            sum(rows.values()),
        )

    def subset(self, layers: Sequence[int]) -> Sizes:
        """With these layers alone."""
        return replace(self, heads=tuple(self.heads[one] for one in layers), neurons=tuple(self.neurons[one] for one in layers))

    def scaled(self, share: float) -> Sizes:
        """With this share of the heads, rounded up, and of the neurons of every layer, at least one head and MULTIPLE neurons."""
        neurons = tuple(max(MULTIPLE, round(one * share / MULTIPLE) * MULTIPLE) for one in self.neurons)
        return replace(self, heads=tuple(max(1, ceil(one * share)) for one in self.heads), neurons=neurons)

    def with_vocabulary(self, tokens: int) -> Sizes:
        return replace(self, vocabulary=min(tokens, self.vocabulary))

    @property
    def linear(self) -> int:
        """Weights of the layers' matrices."""
        inner = [heads * self.head_dim for heads in self.heads]
        return self.hidden * (4 * sum(inner) + 2 * sum(self.neurons))

    @property
    def head(self) -> int:
        """Weights of the pooler."""
        return self.hidden**2

    @property
    def vectors(self) -> int:
        """Biases and LayerNorms, which stay floats."""
        layers = sum(
            3 * heads * self.head_dim + neurons + 6 * self.hidden for heads, neurons in zip(self.heads, self.neurons, strict=True)
        )
        return layers + 2 * self.embedding + self.hidden

    @property
    def tables(self) -> int:
        """Values of the embedding tables."""
        return (self.vocabulary + self.others) * self.embedding

    @property
    def parameters(self) -> int:
        """Without the classifier, whose size is the task's."""
        return self.linear + self.head + self.vectors + self.tables

    def bytes(self, form: str = "float") -> float:
        """Of model and tokenizer. form: a key of EMBEDDINGS."""
        weights = self.linear * LINEAR[form] + self.tables * EMBEDDINGS[form] + self.head * HEAD[form]
        return weights + 4 * self.vectors + TOKENIZER * self.vocabulary


@dataclass(frozen=True)
class StaticSizes:
    """Of a static student: a vector for each token. Its head, of the task's size, is not counted."""

    vocabulary: int
    width: int

    def bytes(self, form: str = "float") -> float:
        """As of an encoder."""
        return self.vocabulary * (self.width * VECTORS[form] + TOKENIZER)


AnySizes = Sizes | StaticSizes
