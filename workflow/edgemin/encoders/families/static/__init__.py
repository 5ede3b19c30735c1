"""Static encoders: a table of vectors, their mean over a text's tokens, and a small head. No layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edgemin.study.family import Family

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Static(Family):
    name = "static"
    base = "static"
    token_types = False
    tables: ClassVar[dict[str, str]] = {"embeddings": "vocab_size"}

    def blocks(self) -> Blocks:
        from . import blocks

        return blocks.StaticBlocks(self)
