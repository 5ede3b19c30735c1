"""Whole recipes: stages left out, added, crossed; each against the first cell of its block."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.rows import block
from edgemin.study.table import BlockTable, in_first_runtime, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Test split, 95 % intervals. A change is paired with the first row of its block, "
    "and so many times its bytes and its p50 has each row: qualities of recipes are compared fairly where both are 1.00. "
    "Faster: paired ratio against the teacher, measured in the same jobs, single stream, batch 1. MB = 10^6 bytes of all files "
    "needed to predict."
)


class Combinations(BlockTable):
    name = "combinations"
    title = "Combinations"
    caption = "Stages left out, added and crossed. A change is paired with the first row of its block."
    meaning = (
        "blocks of a table of any recipes, cells or grids, compared with the first cell. Made by the target `table_combinations`"
    )

    def runtime(self, study: Study) -> str | None:
        return study.runtimes[0]

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        return in_first_runtime(study, cell)

    def spec(self, plan: Plan) -> dict[str, Any]:
        return recipe_blocks(self, plan)

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        write_recipes(self, spec, folder)


def recipe_blocks(table: BlockTable, plan: Plan) -> dict[str, Any]:
    """Per task, each first cell and those that are compared with it, in the first runtime."""
    study = plan.study
    blocks = [
        block(plan, task, (first, *cells), study.runtimes[0])
        for task in study.tasks
        for first, cells in table.settings(study).items()
    ]
    return {"study": study.study, "runtime": study.runtimes[0], "threads": study.threads.inference, "blocks": blocks}


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, block and cell, numbers unrounded."""
    import pandas as pd

    from edgemin.report.blocks import compared
    from edgemin.report.clocks import one_clock
    from edgemin.report.recipes import recipe
    from edgemin.report.statistics.adjust import adjusted

    if not spec["blocks"]:
        raise EdgeminError(f"tables.{spec['table']}: the study has none; add a first cell and others (config/README.md)")
    rows = []
    for one_block in spec["blocks"]:
        first = None
        for one in compared(one_block):
            first = first or one
            ratios = {f"{name}_ratio": one.row[name] / first.row[name] for name in ("bytes", "p50")}
            if not one_clock(one.cell["seeds"], first.cell["seeds"]):
                ratios["p50_ratio"] = float("nan")
            rows.append({**one.row, **ratios, "recipe": recipe(one.row["chain"])})
    return adjusted(pd.DataFrame(rows))


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns

    return [
        *columns.task(table),
        columns.text("cell", table["cell"]),
        columns.text("recipe", table["recipe"]),
        *columns.judged(table),
        columns.millions("logical M", table["logical"]),
        columns.millions("MB", table["bytes"]),
        columns.numbers("MB of first", table["bytes_ratio"], columns.TIMES),
        columns.intervals("p50 ms", table, "p50", columns.MILLISECONDS),
        columns.numbers("p50 of first", table["p50_ratio"], columns.TIMES),
        columns.intervals("faster than teacher", table, "speedup_over_reference", columns.TIMES),
    ]


def write_recipes(table: BlockTable, spec: Mapping[str, Any], folder: Path) -> None:
    """Write the files of a table of `recipe_blocks`."""
    from edgemin.report.clocks import times_note
    from edgemin.report.forms import write_table
    from edgemin.report.statistics.adjust import correction_note

    rows = frame(spec)
    note = f"{NOTE} Runtime: {spec['runtime']}. {times_note(seeds_of(spec))} {correction_note(rows)}"
    write_table(table, spec, folder, rows, columns_of(rows), note)
