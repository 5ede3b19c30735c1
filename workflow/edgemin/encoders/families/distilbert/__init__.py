"""DistilBERT (Sanh et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class DistilBert(Family):
    name = "distilbert"
    base = "distilbert"
    layers = "transformer.layer"
    query = "attention.q_lin"
    key = "attention.k_lin"
    value = "attention.v_lin"
    output = "attention.out_lin"
    ffn_in = "ffn.lin1"
    ffn_out = "ffn.lin2"
    attention = "attention"
    attention_parts = ("attention.", "sa_layer_norm.")
    norms = ("sa_layer_norm", "output_layer_norm")
    tables = {"word_embeddings": "vocab_size", "position_embeddings": "max_position_embeddings"}
    left = ("vocab_transform.", "vocab_layer_norm.", "vocab_projector.")
    head = ("classifier.", "pre_classifier.")
    sizes = ("n_layers", "n_heads", "dim", "hidden_dim")
    token_types = False

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.DistilBertBlocks(self)
