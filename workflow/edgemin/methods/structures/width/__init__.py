"""Dimensions of the hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study.criterion import ranking
from edgemin.study.pruning import Pruning, per_cent

if TYPE_CHECKING:
    from edgemin.methods.prune.given import Cut, Given

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
    def told(self) -> tuple[str, str | None]:
        return per_cent(self.ratio), self.criterion

    def cut(self, given: Given) -> Cut:
        from . import cut

        return cut.cut_width(self, given)
