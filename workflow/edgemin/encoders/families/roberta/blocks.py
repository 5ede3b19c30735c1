"""Modules as the base expects them."""

from __future__ import annotations

from edgemin.encoders.blocks import Blocks


class RobertaBlocks(Blocks):
    """Nothing of its own."""
