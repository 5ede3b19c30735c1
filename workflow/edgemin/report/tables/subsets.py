"""Chains that leave stages out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.report.tables.stagewise import runtime_blocks, write_blocks
from edgemin.study.table import RuntimeTable

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


class Subsets(RuntimeTable):
    name = "subsets"
    title = "Subsets of the stages"
    caption = (
        "All subsets of distillation, pruning and quantization that the study lists, pruning and quantizing the teacher itself "
        "included. A change is paired with the teacher. Read beside the stage-wise table: a stage may cost more alone than "
        "last."
    )
    meaning = (
        "rows of a second table, of chains that leave stages out, the teacher first; each is compared with the teacher. Made by "
        "the target `table_subsets`"
    )

    def spec(self, plan: Plan) -> dict[str, Any]:
        return runtime_blocks(self, plan)

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        write_blocks(self, spec, folder, "the teacher")
