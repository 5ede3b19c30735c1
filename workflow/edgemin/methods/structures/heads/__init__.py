"""Attention heads: the paper's Stage 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from edgemin.methods.structures.selection import select
from edgemin.methods.structures.units import Units
from edgemin.study.structure import Shape


class Heads(Units):
    """Attention heads."""

    structure: Literal["heads"] = "heads"

    def shape(self, parent: Shape) -> Shape:
        if not self.ratio:
            return parent
        if self.iterations > 1 or (not parent.exact and self.scope == "per_layer"):
            return replace(parent, exact=False)  # its job will tell
        kept = select([[0.0] * count for count in parent.heads], self.ratio, self.scope, self.floor)
        return replace(parent, heads=tuple(map(len, kept)), exact=parent.exact and self.scope == "per_layer")

    def keep(self, model: Any, positions: Sequence[Sequence[int]]) -> None:
        from . import cut

        cut.keep_heads(model, positions)
