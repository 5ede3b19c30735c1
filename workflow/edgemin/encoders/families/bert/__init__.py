"""BERT (Devlin et al. 2019), MiniLM and TinyBERT among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Bert(Family):
    name = "bert"
    base = "bert"
    left = ("cls.",)

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.BertBlocks(self)
