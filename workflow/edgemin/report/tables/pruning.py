"""What was cut, by which score, and what that cost and bought, against a model of the same block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.chains import Chain
from edgemin.study.rows import judged as judged_by
from edgemin.study.rows import row
from edgemin.study.table import BlockTable, measured_files, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Test split, 95 % intervals. A change is paired with the first row of its block. "
    "Cut: share of the heads, neurons or weights that the last prune stage took, or how many layers; with learned masks the share "
    "of the weights and biases of attention and FFN, or of all parameters, if the variant says so; by: the criterion; recovered: "
    "whether it trained on after the cut (a cut of 0 % is the control that trained as long without one). Updates: of that training, and of "
    "learning masks; cuts compare fairly where they are as many. Faster: paired ratio "
    "against the chain's parent (of two cuts without a recovery in between, the model before both), measured in the same jobs, single "
    "stream, batch 1; where single weights are zero nothing is "
    "faster, because dense kernels multiply zeros like other numbers: only the compressed files shrink. MB = 10^6 bytes."
)


class Pruning(BlockTable):
    name = "pruning"
    title = "Pruning"
    caption = (
        "What was cut, by which score, with and without recovery. A change is paired with the first row of its block; a speed- "
        "up with the chain's parent, measured in the same jobs."
    )
    meaning = (
        "blocks of a table of pruning: the reference, then cells whose chains end in a prune link; all of them float, in the first of "
        "`runtimes`. Made by the target `table_pruning`"
    )

    def runtime(self, study: Study) -> str | None:
        return study.runtimes[0]

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        chain = study.chain(cell)
        if chain.quantized:
            return f"cell '{cell}' is quantized; name float cells"
        if cell != first and (chain.last is None or chain.last.stage != "prune"):
            return f"the chain of cell '{cell}' does not end in a prune stage"
        return None

    def spec(self, plan: Plan) -> dict[str, Any]:
        study = plan.study
        blocks = [
            {**judged_by(plan, task), "rows": [self._row(plan, task, cell) for cell in (reference, *cells)]}
            for task in study.tasks
            for reference, cells in self.settings(study).items()
        ]
        return {"study": study.study, "runtime": study.runtimes[0], "threads": study.threads.inference, "blocks": blocks}

    def _row(self, plan: Plan, task: str, cell: str) -> dict[str, Any]:
        """What was trained says in its history how long; learned masks also where they ended."""
        chain = plan.study.chain(cell)
        variant = _cut_by(plan.study, chain)
        entry = row(plan, task, cell, plan.study.runtimes[0], _about(variant))
        trained = variant is not None and bool(variant.phases)
        for seed in entry["seeds"]:
            seed["history"] = plan.paths.history(task, seed["seed"], chain) if trained else None
        return entry

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        return [*measured_files(row), *([row["history"]] if row["history"] else [])]

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table
        from edgemin.report.statistics.adjust import correction_note

        table = frame(spec)
        note = f"{NOTE} Runtime: {spec['runtime']}. {times_note(seeds_of(spec))} {correction_note(table)}"
        write_table(self, spec, folder, table, columns_of(table), note)


def _cut_by(study: Study, chain: Chain) -> Any:
    """The prune variant of the last link; None for another link."""
    return study.variant(chain) if chain.last is not None and chain.last.stage == "prune" else None


def _about(variant: Any) -> dict[str, Any]:
    """What the last link cut, in words."""
    if variant is None:
        return {"structure": None, "cut": None, "criterion": None, "recovered": None}
    cut, by = variant.description
    return {"structure": variant.structure, "cut": cut, "criterion": by, "recovered": bool(variant.recovery)}


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, block and cell, numbers unrounded."""
    import pandas as pd

    from edgemin.report.blocks import compared
    from edgemin.report.statistics.adjust import adjusted

    if not spec["blocks"]:
        raise EdgeminError("tables.pruning: the study has none; add a reference and cells (config/README.md)")
    cells = (one for block in spec["blocks"] for one in compared(block))
    return adjusted(pd.DataFrame([{**one.row, **_trained(one.cell["seeds"])} for one in cells]))


def _trained(seeds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over seeds: updates of learning masks and recovering; sparsity that learned masks came to, in CoFi's accounting and in that of all
    parameters."""
    import numpy as np

    from edgemin.core.files import read_json
    from edgemin.report.trainings import phases_of

    histories = [read_json(seed["history"]) for seed in seeds if seed["history"]]
    masks = [one["masks"] for one in histories if "masks" in one]
    updates = [sum(phase["updates"] for phase in phases_of(one)) for one in histories]
    means = {"updates": float(np.mean(updates)) if histories else 0.0}
    names = ("sparsity_prunable", "sparsity_model") if masks else ()
    return means | {name: float(np.mean([one[name] for one in masks])) for name in names}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns

    return [
        *columns.task(table),
        columns.text("cell", table["cell"]),
        columns.text("structure", table["structure"]),
        columns.text("cut", _cut(table)),
        columns.text("by", table["criterion"]),
        columns.text("recovered", table["recovered"].map({True: "yes", False: ""})),
        columns.numbers("updates", table["updates"], columns.WHOLE),
        *columns.judged(table),
        columns.millions("logical M", table["logical"]),
        columns.millions("nonzero M", table["nonzero"]),
        columns.millions("MB", table["bytes"]),
        columns.millions("compressed MB", table["compressed"]),
        columns.intervals("p50 ms", table, "p50", columns.MILLISECONDS),
        columns.intervals("faster than parent", table, "speedup_over_parent", columns.TIMES),
    ]


def _cut(table: pd.DataFrame) -> pd.Series:
    """What was asked for; with learned masks also what was reached."""
    cut = table["cut"]
    if "sparsity_prunable" not in table:
        return cut
    reached, of_all = ((table[f"sparsity_{name}"] * 100).map("{:.1f}".format) for name in ("prunable", "model"))
    return cut.where(table["sparsity_prunable"].isna(), cut + " (" + reached + " reached; of all parameters " + of_all + ")")
