"""Neurons of the feed-forward layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from edgemin.methods.structures.units import Units
from edgemin.study.structure import Shape


class Ffn(Units):
    """Neurons of the feed-forward layers."""

    structure: Literal["ffn"]
    multiple: Annotated[int, Field(ge=1)] = 8
    """Every layer keeps a multiple of so many neurons (the nearest), for the sake of the kernels."""

    def shape(self, parent: Shape) -> Shape:
        if not self.ratio or parent.neurons is None:
            return parent
        kept = tuple(self.left(parent.neurons))
        return replace(parent, neurons=kept if self.scope == "per_layer" else None)

    @property
    def whole(self) -> int:
        return self.multiple

    def keep(self, model: Any, positions: Sequence[Sequence[int]]) -> None:
        from . import cut

        cut.keep_neurons(model, positions)
