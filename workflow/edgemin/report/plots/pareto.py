"""What both Pareto plots are: test quality against a cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgemin.study import registry
from edgemin.study.chains import ROOT
from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class Pareto(Plot):
    by_default = True

    def files(self, plan: Plan) -> list[str]:
        """All cells and, where the study has limits, what is recommended."""
        names = ("cells", "recommendation") if plan.study.recommend else ("cells",)
        return [plan.paths.table(name) for name in names]

    def spec(self, plan: Plan) -> dict[str, Any]:
        settings = {
            "hidden": plan.study.hidden_baselines(),
            "ends": ends_of(plan.study),
            "recommended_in": str(plan.study.recommend.runtime) if plan.study.recommend else "",
        }
        return {name: value for name, value in settings.items() if value}


def ends_of(study: Study) -> dict[str, list[str]]:
    """Runtime -> the cells at which ladders end, of the rows that the study lists for its stage-wise table: no row goes on from such a cell, and
    it goes on from a row that is not the teacher."""
    listed: Mapping[str, list[str]] = registry.TABLES["stagewise"].settings(study)
    by_runtime: dict[str, list[str]] = {}
    for runtime, cells in listed.items():
        chains = {cell: study.cells[cell].chain for cell in cells if study.cells[cell].chain != ROOT}
        ends = [
            cell
            for cell, chain in chains.items()
            if not any(other.startswith(f"{chain}/") for other in chains.values())
            and any(chain.startswith(f"{other}/") for other in chains.values())
        ]
        by_runtime |= {str(runtime): ends} if ends else {}
    return by_runtime


def caption_of(cost: str) -> str:
    """The caption of a plot against this cost."""
    return (
        f"Test quality against {cost}, one point per cell (a recipe) and runtime. Look along the line of one runtime: it joins the cells that no "
        "other cell of that runtime beats in both, and only these are worth their cost. Star: the recommended cell; in a study without limits, the end of a "
        "ladder (a row of cells, each made from the one before) that no other ladder's end beats. Cross: where another ladder ends. Ring: the teacher. Thin bars: "
        "95 % intervals; where those of two cells overlap widely, the table of all cells has the paired change. In a crowd only marked cells and those on a "
        "line have names: the table of all cells lists the rest. The figure says how many cells are on each line, and the figures of what is marked. In "
        "a study with baselines latency is from text to answer."
    )
