"""The shape of an encoder: which layers, which heads, how wide. It is stored in `config.json` under `edgemin`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.study.family import family_of, values_of

KEY = "edgemin"


@dataclass(frozen=True)
class Structure:
    """heads: per layer, the indices of the heads kept, counted in the unpruned layer; none: the layer has no attention.
    head_dim: width of a head. intermediate: per layer, the width of the FFN; 0: the layer has none."""

    heads: tuple[tuple[int, ...], ...]
    head_dim: int
    intermediate: tuple[int, ...]

    @classmethod
    def of(cls, config: Any) -> Structure:
        """Read from a config (transformers object or dict); a stock config means nothing was cut."""
        values, family = values_of(config), family_of(config)
        layers, heads, width, intermediate = (int(values[name]) for name in family.sizes)
        stored = values.get(KEY)
        if stored is None:
            return cls((tuple(range(heads)),) * layers, width // heads, (intermediate,) * layers)
        try:
            structure = cls(tuple(map(tuple, stored["heads"])), int(stored["head_dim"]), tuple(stored["intermediate"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EdgeminError(
                f"config.json: '{KEY}' is damaged ({error!r}); delete the checkpoint and run snakemake again"
            ) from None
        if len(structure.heads) != layers or len(structure.intermediate) != layers:
            raise EdgeminError(f"config.json: '{KEY}' describes {len(structure.heads)} layers, {family.sizes[0]} is {layers}")
        return structure

    def write(self, config: Any) -> None:
        """Store in a transformers config, or leave it stock where a stock model has this very shape."""
        layers, _, _, intermediate = family_of(config).sizes
        setattr(config, layers, len(self.heads))
        if len(set(self.intermediate)) == 1 and self.intermediate[0]:
            setattr(config, intermediate, self.intermediate[0])
        if hasattr(config, KEY):
            delattr(config, KEY)
        if Structure.of(config) != self:
            setattr(config, KEY, asdict(self))

    @property
    def kept_heads(self) -> int:
        return sum(map(len, self.heads))


@dataclass(frozen=True)
class Shape:
    """The properties of a chain's encoder that are known before training."""

    heads: tuple[int, ...]
    """Attention heads per layer."""
    head_dim: int
    tokenizer: str | None = None
    """What its tokenizer.json calls its model: WordPiece, BPE, Unigram; None if it was not asked."""
    exact: bool = True
    """False once heads were cut across layers: then only their sum is known."""
    neurons: tuple[int, ...] | None = None
    """Width of the FFN per layer; None: not known."""
    hidden: int | None = None
    """Width of the hidden states; None: not known."""
    embedding: int | None = None
    """Width of the embedding tables, likewise."""
    config_heads: int = 1
    """Heads by the config, of which the width of the hidden states stays a multiple."""

    @property
    def width(self) -> int:
        """Of the last layer's projections."""
        return self.heads[-1] * self.head_dim
