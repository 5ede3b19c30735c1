"""RoBERTa (Liu et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Roberta(Family):
    name = "roberta"
    base = "roberta"
    left = ("lm_head.", "roberta.pooler.")
    counts_from_padding = True
    token_types = False

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.RobertaBlocks(self)
