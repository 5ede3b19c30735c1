"""ELECTRA (Clark et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.family import Family, values_of

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Electra(Family):
    name = "electra"
    base = "electra"
    left = ("discriminator_predictions.", "generator_predictions.", "generator_lm_head.")

    def embedding_width(self, config: Any) -> int:
        return int(values_of(config).get("embedding_size", 128))

    def outside(self, config: Any) -> dict[str, tuple[int, ...]]:
        hidden, narrow = super().embedding_width(config), self.embedding_width(config)
        return {} if hidden == narrow else {"embeddings_project.weight": (hidden, narrow), "embeddings_project.bias": (hidden,)}

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.ElectraBlocks(self)
