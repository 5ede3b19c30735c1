"""Every cell that is measured, in every runtime: what the Pareto plots and the page's plot are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.chains import ROOT
from edgemin.study.rows import block, with_floor
from edgemin.study.table import Table, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.blocks import Compared
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Means over seeds, 95 % intervals. Quality: test split, except the column that says validation. Change to teacher: paired with the teacher in the same "
    "runtime. Faster: paired ratio against the teacher, measured in the same jobs; a p50 is the teacher's divided by the ratio. Single stream, batch 1. "
    "Agreement: share of the test examples that cell and teacher decide alike. MB = 10^6 bytes of all files needed to predict."
)
_AGAINST = ("quality_change", "quality_change_low", "quality_change_high", "p", "smallest_effect", "smaller", "agreement")
"""Columns that say something only where the block has the teacher."""


class CellsTable(Table):
    name = "cells"
    title = "All measured cells"
    caption = (
        "Every cell that is measured by default, in every runtime, compared with the teacher in the same runtime. Look for small files, short times and an "
        "interval of the change that is above or near 0. The Pareto plots show these rows."
    )
    by_default = True

    def declared(self, study: Study) -> bool:
        return True

    def spec(self, plan: Plan) -> dict[str, Any]:
        """A block per task and runtime, of all default cells, the teacher first if it is one of them; a task's first block has the baselines."""
        study = plan.study
        cells = sorted(study.default_cells(), key=lambda cell: study.cells[cell].chain != ROOT)
        runtimes = {cell: study.runtimes_of(study.chain(cell)) for cell in cells}
        blocks = [
            block(plan, task, [cell for cell in cells if runtime in runtimes[cell]], runtime, {"runtime": runtime})
            for task in study.tasks
            for runtime in dict.fromkeys(name for names in runtimes.values() for name in names)
        ]
        return {"study": study.study, "blocks": with_floor(plan, blocks)}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table
        from edgemin.report.statistics.adjust import correction_note

        table = frame(spec)
        write_table(self, spec, folder, table, columns_of(table), f"{NOTE} {times_note(seeds_of(spec))} {correction_note(table)}")


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, runtime and cell, numbers unrounded. Without the teacher in a block, nothing is compared with it."""
    import pandas as pd

    from edgemin.report.blocks import compared, floor_first
    from edgemin.report.statistics.adjust import adjusted

    rows = []
    for one_block in spec["blocks"]:
        first, block_rows = None, []
        for one in compared(one_block):
            first = first or one
            row = {**one.row, **_besides(one, first, one_block)}
            if first.row["chain"] != ROOT:
                row |= dict.fromkeys(_AGAINST)
            block_rows.append(row)
        rows += floor_first(block_rows)
    return adjusted(pd.DataFrame(rows))


def _besides(one: Compared, first: Compared, spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the table has of a cell beside what `report.blocks` knows. agreement: a share."""
    from edgemin.report.measured import validation_of
    from edgemin.report.recipes import recipe
    from edgemin.report.statistics.judge import Judge

    scores = Judge.of(spec).scores
    return {
        "smaller": first.row["bytes"] / one.row["bytes"],
        "validation": validation_of([seed["folder"] for seed in one.cell["seeds"]], spec["metric"]),
        "agreement": scores.agreement(one.logits, first.logits),
        "recipe": recipe(one.row["chain"]),
    }


def _from_text(table: pd.DataFrame) -> list[Column]:
    """In a study with baselines, the times that can be compared with theirs."""
    from edgemin.report import columns
    from edgemin.study.floor import is_baseline

    some = table["chain"].map(is_baseline).any()
    return [columns.intervals("from text ms", table, "end_to_end", columns.MILLISECONDS)] if some else []


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads. What no row has is left out."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    scale = common_scale(table["metric"])
    headings = {scale.label: f"test {scale.label}", "change": "change to teacher"}
    every = [
        columns.text("cell", table["cell"]),
        columns.text("runtime", table["runtime"]),
        *columns.task(table),
        *(replace(column, heading=headings.get(column.heading, column.heading)) for column in columns.judged(table)),
        columns.intervals("p50 ms", table, "p50", columns.MILLISECONDS),
        *_from_text(table),
        columns.intervals("faster than teacher", table, "speedup_over_reference", columns.TIMES),
        columns.millions("MB", table["bytes"]),
        columns.numbers("smaller than teacher", table["smaller"], Format(1, unit="×")),
        columns.millions("parameters M", table["logical"]),
        columns.intervals("p90 ms", table, "p90", columns.MILLISECONDS),
        columns.numbers("sentences/s", table["sentences_per_second"], columns.WHOLE),
        columns.numbers("agreement %", table["agreement"], Format(1, 100)),
        columns.numbers(f"validation {scale.label}", table["validation"], scale.value),
        columns.text("recipe", table["recipe"]),
    ]
    return [column for column in every if any(value is not None for value in column.values)]
