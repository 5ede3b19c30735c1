"""Neurons of the feed-forward layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from edgemin.methods.structures.units import Units


class Ffn(Units):
    """Neurons of the feed-forward layers."""

    structure: Literal["ffn"]
    multiple: Annotated[int, Field(ge=1)] = 8
    """Every layer keeps a multiple of so many neurons (the nearest), for the sake of the kernels."""

    @property
    def whole(self) -> int:
        return self.multiple

    def keep(self, model: Any, positions: Sequence[Sequence[int]]) -> None:
        from . import cut

        cut.keep_neurons(model, positions)
