"""The same stages in another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.report.tables.combinations import recipe_blocks, write_recipes
from edgemin.study.base import refuses
from edgemin.study.table import BlockTable, in_first_runtime

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class Orders(BlockTable):
    name = "orders"
    title = "Orders of the stages"
    caption = (
        "The same stages in several orders. A change is paired with the first row of its block; fair where bytes and latency "
        "are those of the first row too."
    )
    meaning = "blocks of a table of orders: a first cell, then cells with the same stages in another order. Made by the target `table_orders`"

    def runtime(self, study: Study) -> str | None:
        return study.runtimes[0]

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        return in_first_runtime(study, cell)

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        yield from super().problems(study)
        for first, cells in self.settings(study).items():
            known = [cell for cell in (first, *cells) if cell in study.cells]
            stages = {cell: sorted(link.stage for link in study.chain(cell).links) for cell in known}
            for cell in known:
                if stages[cell] != stages.get(first):
                    yield f"tables.orders.{first}: cell '{cell}' has other stages than '{first}'; that is no question of order"

    def spec(self, plan: Plan) -> dict[str, Any]:
        return recipe_blocks(self, plan)

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        write_recipes(self, spec, folder)
