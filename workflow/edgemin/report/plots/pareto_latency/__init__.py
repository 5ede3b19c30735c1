"""Quality against latency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


class ParetoLatency(Plot):
    name = "pareto_latency"
    label = "quality against latency"
    caption = (
        "Test quality against cost, one point per cell and runtime. The grey line joins the points that no other beats in both."
    )
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("results")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], "latency", outputs)
