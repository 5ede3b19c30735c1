"""What both Pareto plots are: test quality against a cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


class Pareto(Plot):
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("cells")]

    def spec(self, plan: Plan) -> dict[str, Any]:
        hidden = plan.study.hidden_baselines()
        return {"hidden": hidden} if hidden else {}


def caption_of(cost: str) -> str:
    """The caption of a plot against this cost."""
    return (
        f"Test quality against {cost}, one point per cell and runtime. Look along the line of one runtime: it joins the cells that no other "
        "cell of that runtime beats in both, and only these are worth their cost. Thin bars: 95 % intervals; where those of two cells "
        "overlap widely, the table of all cells has the paired change. The figure says how many cells are on each line. In a study with baselines "
        "latency is from text to answer."
    )
