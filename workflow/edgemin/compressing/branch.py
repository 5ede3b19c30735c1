"""A float model of the study, what it trains, and its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgemin.compressing.encoder import Encoder
from edgemin.compressing.sizes import AnySizes, StaticSizes

BATCH = 32
RUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Training:
    """What a branch trains."""

    sizes: AnySizes
    updates: int
    epochs: int
    """After each of which validation is answered, too."""
    signals: int = 0
    """Files of teacher's outputs that it reads and its parent does not. An earlier branch may have made them."""
    alone: int = 0
    """Tokens that the teacher reads one by one, for their vectors."""
    step: float = 1.0
    """Of an update, in updates on labels."""


@dataclass(frozen=True)
class Cell:
    name: str
    chain: str
    sizes: AnySizes
    form: str
    """float, int8 or int4."""
    question: str

    @property
    def bytes(self) -> float:
        return self.sizes.bytes(self.form)


@dataclass(frozen=True)
class Branch:
    """A float model and its tails."""

    name: str
    chain: str
    encoder: Encoder
    """Whose tokenizer and family it has."""
    sizes: AnySizes
    question: str
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage -> variants that its chain names and the branch that it starts from does not."""
    trainings: tuple[Training, ...] = ()
    parent: str | None = None
    """Branch whose model it is made from."""
    times_shapes: int | None = None
    """Tokens of the texts at which its cut to a time has the shapes of its parent timed; None: no such cut, or a cut before it has them timed."""
    cells: tuple[Cell, ...] = ()

    @property
    def static(self) -> bool:
        """Without layers: nothing can be cut, and the training writes the graph."""
        return isinstance(self.sizes, StaticSizes)
