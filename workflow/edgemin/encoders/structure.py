"""The shape of an encoder: which layers, which heads, how wide. It stands in `config.json` under `edgemin`.

Needs no torch, so that a study can be checked in a moment.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgemin.errors import EdgeminError

KEY = "edgemin"
_NAMES = (
    ("num_hidden_layers", "n_layers"),
    ("num_attention_heads", "n_heads"),
    ("hidden_size", "dim"),
    ("intermediate_size", "hidden_dim"),
)


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
        values: dict[str, Any] = config if isinstance(config, dict) else config.to_dict()
        stored = values.get(KEY)
        layers, heads, width, intermediate = (
            int(values[name] if name in values else values[distilbert]) for name, distilbert in _NAMES
        )
        if stored is None:
            return cls((tuple(range(heads)),) * layers, width // heads, (intermediate,) * layers)
        try:
            structure = cls(tuple(map(tuple, stored["heads"])), int(stored["head_dim"]), tuple(stored["intermediate"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EdgeminError(
                f"config.json: '{KEY}' is damaged ({error!r}); delete the checkpoint and run snakemake again"
            ) from None
        if len(structure.heads) != layers or len(structure.intermediate) != layers:
            raise EdgeminError(f"config.json: '{KEY}' describes {len(structure.heads)} layers, num_hidden_layers is {layers}")
        return structure

    def write(self, config: Any) -> None:
        """Store in a transformers config, or leave it stock where a stock model has this very shape."""
        config.num_hidden_layers = len(self.heads)
        if len(set(self.intermediate)) == 1 and self.intermediate[0]:
            setattr(config, "hidden_dim" if hasattr(config, "hidden_dim") else "intermediate_size", self.intermediate[0])
        if hasattr(config, KEY):
            delattr(config, KEY)
        if Structure.of(config) != self:
            setattr(config, KEY, asdict(self))

    @property
    def kept_heads(self) -> int:
        return sum(map(len, self.heads))
