"""Objectives side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class DistillationPlot(Plot):
    name = "distillation"
    label = "distillation objectives"
    caption = (
        "Test quality of every objective (left; the band is the control's 95 % interval) and its paired difference to the "
        "control (right). Look on the right: a filled mark differs from the control beyond the interval, a hollow one is not shown to "
        "differ. The figure says how many do."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.tables.distillation)

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("distillation")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], outputs)
