"""ELECTRA (Clark et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Electra(Family):
    name = "electra"
    base = "electra"

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.ElectraBlocks(self)
