"""Dimensions of the hidden states."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.methods.structures.selection import select
from edgemin.study.criterion import ranking
from edgemin.study.pruning import Pruning, per_cent
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs

    WidthCriterion = str
else:
    WidthCriterion = Literal[ranking("width")]


class Width(Pruning):
    """Dimensions of the hidden states, through embeddings, projections, LayerNorms and the classifier's head; heads keep their
    number and width."""

    structure: Literal["width"]
    criterion: WidthCriterion = "magnitude"
    """What ranks the dimensions; `activation`: mean size over the real tokens of training sentences and all layers."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Share of the dimensions to cut; what is kept is the nearest multiple of the heads and of `multiple`."""
    multiple: Annotated[int, Field(ge=1)] = 8
    """See `ratio`."""

    @property
    def description(self) -> tuple[str, str | None]:
        return per_cent(self.ratio), self.criterion

    def shape(self, parent: Shape) -> Shape:
        if parent.hidden is None:
            return parent
        (kept,) = select([[0.0] * parent.hidden], self.ratio, "global", *self.steps(parent.config_heads), "dimensions")
        if parent.embedding not in (None, parent.hidden):  # a projection takes the embeddings to the hidden states
            if len(kept) == parent.embedding:
                raise EdgeminError(
                    f"ratio {self.ratio} leaves {len(kept)} dimensions, as many as the embeddings have; keep another number"
                )
            return replace(parent, hidden=len(kept))
        return replace(parent, hidden=len(kept), embedding=parent.embedding and len(kept))

    def steps(self, heads: int) -> tuple[int, int]:
        """The least number of dimensions that are kept, and what the number is a multiple of."""
        multiple = math.lcm(self.multiple, heads)
        return multiple, multiple

    def cut(self, given: PruneInputs) -> Cut:
        from . import cut

        return cut.cut_width(self, given)
