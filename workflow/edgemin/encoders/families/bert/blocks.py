"""Modules as the base expects them."""

from __future__ import annotations

from edgemin.encoders.blocks import Blocks


class BertBlocks(Blocks):
    """Blocks of BERT: no differences from the base."""
