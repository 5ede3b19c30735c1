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
        "What each stage costs and buys: test quality, size, single-stream latency and parameters, from the top down; quality and latency with 95 % intervals. "
        "Look for the row where quality drops by more than its interval, and for what the same row saves. A dotted line: another ladder begins, from "
        "the teacher. Hollow marks: the naive count of model.parameters(), which INT8 lowers although no weight is removed. The figure says what each "
        "ladder comes to."
    )
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("stagewise")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], outputs)
