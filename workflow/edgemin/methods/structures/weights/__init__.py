"""Single weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from edgemin.study.criterion import ranking
from edgemin.study.pruning import Pruning, Scope, per_cent

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs

    WeightCriterion = str
else:
    WeightCriterion = Literal[ranking("weights")]


class Weights(Pruning):
    """Single weights of the encoder's linear layers, set to zero and kept there in its recovery, but not by a stage after it
    that trains. Dense kernels gain nothing by it."""

    structure: Literal["weights"]
    criterion: WeightCriterion = "magnitude"
    """Criterion that ranks the weights; `magnitude`: the smallest become zero."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Share of the weights."""
    scope: Scope = "global"
    """Rank all matrices together, or each by itself."""

    @property
    def description(self) -> tuple[str, str | None]:
        return per_cent(self.ratio), self.criterion

    def cut(self, given: PruneInputs) -> Cut:
        from . import cut

        return cut.cut(self, given)

    def scores(self, given: PruneInputs) -> list[list[float]]:
        """No scores are recorded: there would be as many as weights."""
        return []

    def cut_share(self, model: Any, scores: list[list[float]], ratio: float, seed: int) -> None:
        """Cut this share, whatever the variant's own ratio, in place."""
        from . import cut

        cut.cut_weights(model, ratio, self.scope, self.criterion, seed)
