"""Attention heads: the paper's Stage 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from edgemin.methods.structures.units import Units
from edgemin.study.structure import Shape


class Heads(Units):
    """Attention heads."""

    structure: Literal["heads"] = "heads"

    def shape(self, parent: Shape) -> Shape:
        if not self.ratio:
            return parent
        if not parent.exact and (self.iterations > 1 or self.scope == "per_layer"):
            return parent  # its job will tell
        kept, known = tuple(self.left(parent.heads)), parent.exact and self.scope == "per_layer" and self.iterations == 1
        return replace(parent, heads=kept if self.iterations == 1 else parent.heads, exact=known)

    def keep(self, model: Any, positions: Sequence[Sequence[int]]) -> None:
        from . import cut

        cut.keep_heads(model, positions)
