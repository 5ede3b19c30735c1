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
        "Test quality against latency, one point per cell and runtime. Look along the line of one runtime: it joins the cells that no other "
        "cell of that runtime beats in both, and only these are worth their cost. Thin bars: 95 % intervals; where those of two cells "
        "overlap widely, the table of all cells has the paired change. The figure says how many cells are on each line."
    )
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("cells")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], "latency", outputs)
