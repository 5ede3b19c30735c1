"""Attention modules count their heads under another name."""

from __future__ import annotations

from edgemin.encoders.blocks import Blocks


class DistilBertBlocks(Blocks):
    """Blocks of DistilBERT: the number of heads is `n_heads`."""

    counts = ("n_heads",)
