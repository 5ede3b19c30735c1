"""Small multiples over the cells of the ladder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


class StagewisePlot(Plot):
    name = "stagewise"
    label = "stage by stage"
    caption = (
        "Test quality with its 95 % interval, size, single-stream latency and parameter counts of each stage. Hollow markers "
        "are the naive count of ``model.parameters()``."
    )
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("stagewise")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], outputs)
