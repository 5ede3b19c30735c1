"""How long an encoder takes by its shape: what `measure.shapes` has timed, as a sum over blocks.

    t = rest + Σ over layers of (attention(heads) + ffn(neurons))

`rest` is everything else: embeddings, LayerNorms, pooler, head. A block that is gone takes 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.study.family import hidden_width
from edgemin.study.structure import Structure

Curve = tuple[tuple[int, float], ...]
"""(units, milliseconds), rising; the first is the smallest block that was timed."""


@dataclass(frozen=True)
class Sizes:
    """What the times of blocks depend on besides their units."""

    hidden: int
    head_dim: int
    layers: int

    @classmethod
    def of(cls, config: Any) -> Sizes:
        structure = Structure.of(config)
        return cls(hidden_width(config), structure.head_dim, len(structure.heads))


@dataclass(frozen=True)
class Times:
    """All in milliseconds."""

    sizes: Sizes
    teacher: float
    """The float teacher's."""
    rest: float
    attention: Curve
    """Of one layer, by its heads."""
    ffn: Curve
    """Of one layer, by its neurons."""

    @classmethod
    def read(cls, file: Path) -> Times:
        """Raises EdgeminError for a file that holds no times."""
        values = read_json(file)
        try:
            curves = (tuple((int(units), float(ms)) for units, ms in values[name]) for name in ("attention_ms", "ffn_ms"))
            return cls(Sizes(**values["sizes"]), float(values["teacher_ms"]), float(values["rest_ms"]), *curves)
        except (KeyError, TypeError, ValueError) as error:
            raise EdgeminError(f"{file}: holds no times of shapes ({error!r}); delete it and run snakemake again") from None

    def as_json(self) -> dict[str, Any]:
        """What `read` reads."""
        return {
            "sizes": vars(self.sizes),
            "teacher_ms": self.teacher,
            "rest_ms": self.rest,
            "attention_ms": [list(point) for point in self.attention],
            "ffn_ms": [list(point) for point in self.ffn],
        }

    def of(self, heads: int, neurons: int) -> float:
        """One layer with so many heads and neurons, without its LayerNorms, which are in `rest`."""
        return at(self.attention, heads) + at(self.ffn, neurons)

    def predict(self, structure: Structure) -> float:
        """A whole encoder with its head, one text."""
        layers = zip(structure.heads, structure.intermediate, strict=True)
        return self.rest + sum(self.of(len(heads), neurons) for heads, neurons in layers)


def at(curve: Curve, units: int) -> float:
    """Milliseconds of a block: linear between what was timed, and 0 without units. Fewer units than the smallest block that was timed take as
    long as that."""
    return float(np.interp(units, *np.transpose(curve))) if units else 0.0


def check_sizes(times: Times, config: Any, file: Path) -> None:
    """Raises EdgeminError if the times are of an encoder with other sizes than the config's."""
    if times.sizes != (sizes := Sizes.of(config)):
        raise EdgeminError(f"{file}: has times of {times.sizes}, the model is {sizes}; delete it and run snakemake again")
