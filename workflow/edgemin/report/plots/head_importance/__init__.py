"""Which heads the scores hold dear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class HeadImportance(Plot):
    name = "head_importance"
    label = "head importance"
    caption = (
        "Ranks of the heads by each criterion, layers by heads, and Spearman's rank correlation ρ of each criterion with the oracle: the rise "
        "of the loss on training sentences when a head alone is masked. Of the first task and seed. Look for panels that have light heads where the oracle has "
        "them. The figure names the criterion that comes nearest."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.sensitivity and study.sensitivity.heads)

    def files(self, plan: Plan) -> list[str]:
        """Of the first task and seed."""
        first = (next(iter(plan.study.tasks)), plan.study.seeds[0])
        return [sweep["file"] for sweep in plan.sweeps("heads") if (sweep["task"], sweep["seed"]) == first]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs, outputs)
