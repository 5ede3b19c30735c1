"""MPNet (Song et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class MPNet(Family):
    name = "mpnet"
    base = "mpnet"
    query = "attention.attn.q"
    key = "attention.attn.k"
    value = "attention.attn.v"
    output = "attention.attn.o"
    attention = "attention.attn"
    embedding_parts = ("embeddings", "relative_attention_bias")
    positions_offset = 2
    token_types = False

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.MPNetBlocks(self)
