"""What each stage costs and buys. One block per runtime, so that a stage is never compared across runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.chains import STAGES
from edgemin.study.floor import is_baseline
from edgemin.study.rows import block, with_floor
from edgemin.study.table import RuntimeTable, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Quality and its change: test split, 95 % intervals; a change is paired with "
    "{reference}. Single stream: batch 1, real sentences, tokenisation excluded; speed-ups are paired ratios "
    "against the teacher measured in the same jobs and runtime; a p50 is the teacher's divided by the ratio. MB = 10^6 bytes of all "
    "files needed to predict (weights, config, tokenizer). 'Naive' is what sum(p.numel() for p in model.parameters()) reports: after torch's INT8 quantization it "
    "drops because packed weights are no longer parameters, not because weights were removed; 'logical' counts every weight "
    "that takes part in inference."
)


STEP = "the row that this one was made from (the row above, if that is not in the block)"


class Stagewise(RuntimeTable):
    name = "stagewise"
    title = "Stage by stage"
    caption = (
        "What each stage of the ladder costs and buys. The runtime is held constant within a block; every speed-up is a paired "
        "ratio against the teacher, measured in the same jobs. Naive and logical parameter counts stand side by side because "
        "packed INT8 weights vanish from the naive one although nothing was removed."
    )
    meaning = (
        "rows of the stage-wise table in the order of the stages, of one ladder or several; each is compared with the row that it was made from. "
        "Empty: every cell in each of the `runtimes` that it is measured in"
    )
    by_default = True
    anyway = True

    def declared(self, study: Study) -> bool:
        return True

    def blocks(self, study: Study) -> dict[str, list[str]]:
        if stated := super().blocks(study):
            return stated
        blocks = {
            runtime: [cell for cell in study.cells if runtime in study.runtimes_of(study.chain(cell))]
            for runtime in study.runtimes
        }
        return {str(runtime): cells for runtime, cells in blocks.items() if cells}

    def spec(self, plan: Plan) -> dict[str, Any]:
        return runtime_blocks(self, plan)

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        write_blocks(self, spec, folder, STEP)


def runtime_blocks(table: RuntimeTable, plan: Plan) -> dict[str, Any]:
    """One block per task and runtime."""
    study = plan.study
    blocks = [
        block(plan, task, cells, runtime, {"runtime": runtime})
        for task in study.tasks
        for runtime, cells in table.blocks(study).items()
    ]
    floored = with_floor(plan, blocks) if table.name == "stagewise" else blocks
    return {"study": study.study, "threads": study.threads.inference, "blocks": floored}


def write_blocks(table: RuntimeTable, spec: Mapping[str, Any], folder: Path, reference: str) -> None:
    """Write the files of a table of `runtime_blocks`. reference: what a change is against, STEP or the first of the block."""
    from edgemin.report.blocks import frame_of
    from edgemin.report.clocks import times_note
    from edgemin.report.forms import write_table
    from edgemin.report.statistics.adjust import correction_note

    frame = frame_of(spec["blocks"], stepwise=reference == STEP)
    note = f"{NOTE.format(reference=reference)} {times_note(seeds_of(spec))} {correction_note(frame)}"
    write_table(table, spec, folder, frame, columns_of(frame, stages=table.name == "subsets"), note)


def columns_of(table: pd.DataFrame, stages: bool = False) -> list[Column]:
    """The columns that a person reads. stages: say which stages each chain has."""
    from edgemin.report import columns
    from edgemin.report.number import Format

    first = table.groupby(["task", "runtime"], sort=False)["bytes"].transform("first").mask(table["chain"].map(is_baseline))
    return [
        *columns.task(table),
        columns.text("runtime", table["runtime"]),
        columns.text("cell", table["cell"]),
        *(_has(stage, table["chain"]) for stage in STAGES if stages),
        *columns.judged(table),
        columns.millions("naive M", table["naive"]),
        columns.millions("logical M", table["logical"]),
        columns.millions("MB", table["bytes"]),
        columns.numbers("smaller", first / table["bytes"], Format(1, unit="×")),
        columns.intervals("p50 ms", table, "p50", columns.MILLISECONDS),
        columns.numbers("p90 ms", table["p90"], columns.MILLISECONDS),
        columns.intervals("faster than teacher", table, "speedup_over_reference", columns.TIMES),
        columns.numbers("sentences/s", table["sentences_per_second"], columns.WHOLE),
    ]


def _has(stage: str, chains: pd.Series) -> Column:
    """Which chains have a stage."""
    from edgemin.report import columns

    return columns.text(stage, ["yes" if f"/{stage}-" in chain else "" for chain in chains])
