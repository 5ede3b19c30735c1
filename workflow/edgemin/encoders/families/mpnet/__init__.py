"""MPNet (Song et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.family import Family, values_of

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
    norms = ("attention.LayerNorm", "output.LayerNorm")
    tables = {"word_embeddings": "vocab_size", "position_embeddings": "max_position_embeddings"}
    left = ("lm_head.", "mpnet.pooler.")
    embedding_parts = ("embeddings", "relative_attention_bias")
    positions_offset = 2
    token_types = False

    def outside(self, config: Any) -> dict[str, tuple[int, ...]]:
        values = values_of(config)
        buckets = int(values.get("relative_attention_num_buckets", 32))
        return {"encoder.relative_attention_bias.weight": (buckets, int(values[self.sizes[1]]))}

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.MPNetBlocks(self)
