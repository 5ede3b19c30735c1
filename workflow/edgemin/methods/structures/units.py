"""Shared settings for cuts of heads and of neurons: units of each layer, ranked by a criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edgemin.methods.structures.selection import select
from edgemin.study.criterion import Criterion, criterion_of, ranking
from edgemin.study.pruning import Pruning, Scope, per_cent

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs

    UnitCriterion = str
else:
    UnitCriterion = Literal[tuple(name for name in ranking("heads") if name in ranking("ffn"))]


class Units(Pruning):
    """Units of each layer, ranked by a criterion, cut to physically smaller matrices."""

    criterion: UnitCriterion = "magnitude"
    """What ranks the units: `magnitude` reads the weights, `random` is the floor, the others read sentences of the training split."""
    p: Literal[1, 2] = 2
    """The norm that `magnitude` takes."""
    matrices: Literal["all", "output"] = "all"
    """For `magnitude`, `gradient` and `taylor`: all of a unit's weights, or those alone that read its output."""
    normalise: Literal["none", "layer"] = "none"
    """`layer`: divide scores by their norm over the layer, before layers are ranked together."""
    ratio: Annotated[float, Field(ge=0, lt=1)]
    """Share of the units to cut; 0, with recovery phases, is the control that is trained as long without pruning."""
    scope: Scope = "global"
    """Rank all layers together, or cut the same share in each."""
    floor: Annotated[int, Field(ge=1)] = 1
    """Units that every layer keeps."""
    iterations: Annotated[int, Field(ge=1)] = 1
    """Number of equal steps; scores are computed anew before each."""

    @property
    def ranked_by(self) -> Criterion:
        return criterion_of(self.criterion, self.structure)

    @property
    def whole(self) -> int:
        """Every layer keeps a multiple of this number of units."""
        return 1

    @property
    def description(self) -> tuple[str, str | None]:
        return per_cent(self.ratio), self.criterion if self.ratio else None

    @model_validator(mode="after")
    def _cuts_or_trains(self) -> Self:
        if not self.ratio and not self.recovery:
            raise ValueError("ratio: 0 cuts nothing and there are no recovery phases; raise the ratio")
        return self

    @model_validator(mode="after")
    def _random_in_one_step(self) -> Self:
        if self.criterion == "random" and self.iterations > 1:
            raise ValueError(
                "criterion: random draws the same numbers in each step, so more than one is not uniform; iterations: 1"
            )
        return self

    def left(self, counts: Sequence[int]) -> list[int]:
        """The number of units that each layer keeps of `counts`, if all scores are equal. For a global cut only the sum is exact.

        Raises EdgeminError for a cut that cannot work, whatever the scores.
        """
        whole, uneven = sum(counts), any(count % self.whole for count in counts)
        for step in range(1, self.iterations + 1):
            left = sum(counts)
            ratio = max(0.0, (self.ratio * whole * step / self.iterations - (whole - left)) / left)
            certain = (
                self.scope == "per_layer" or not uneven or not round(ratio * left)
            )  # else rounding goes by where they are cut
            must_cut = step == self.iterations and left == whole and certain
            kept = select([[0.0] * n for n in counts], ratio, self.scope, self.floor, self.whole, self.structure, must_cut)
            counts = [len(layer) for layer in kept]
        return list(counts)

    def keep(self, model: Any, positions: Sequence[Sequence[int]]) -> None:
        """Cut all other units out of a model, in place. positions: per layer, among the units that it has."""
        raise NotImplementedError

    def cut(self, given: PruneInputs) -> Cut:
        from edgemin.methods.prune import cuts

        return cuts.cut_units(self, given)

    def scores(self, given: PruneInputs) -> list[list[float]]:
        """The scores of every unit, per layer, for a sweep."""
        from edgemin.methods.prune import cuts

        return cuts.scores_of(self, given.model, given.sample(self.sentences, self.ranked_by.reads_data), given.seed)

    def cut_share(self, model: Any, scores: list[list[float]], ratio: float, seed: int) -> None:
        """Cut this share, whatever the variant's own ratio, in place."""
        from edgemin.methods.prune import cuts

        if ratio:
            cuts.keep_best(self, model, scores, ratio)
