"""Each scheme against its float parent in the same runtime."""

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
    "Test split, 95 % intervals. Change, agreement (share of the test examples on which "
    "both decide alike), smaller and faster: against the float parent, the first row of the block, in the same runtime. Validation: what a "
    "scheme may be chosen by. Faster: paired ratio, measured in the same jobs, single stream, batch 1; throughput: full batches, "
    "not timed in PyTorch. MB = 10^6 bytes of all files needed to predict."
)
REVERTED = (
    " Floats again: linear layers that lost most and went back to floats, of all that were quantized, until validation was within the "
    "limit of `revert`; mean over seeds. The folder's reverted.json names them."
)
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp", "i8mm"}
"""Flags of CPUs whose INT8 does not saturate."""


class Quantization(BlockTable):
    name = "quantization"
    title = "Quantization"
    caption = (
        "Every way to quantize against its float parent in the same runtime: quality with its paired change, bytes, latency and "
        "throughput. CPU flags stand below: INT8 answers depend on them."
    )
    meaning = (
        "blocks of a table of quantization, one for each runtime: the float cell, then cells that quantize its chain. Made by "
        "the target `table_quantization`, its plot by `plot_quantization`"
    )

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        chain = study.chain(cell)
        if cell == first:
            return f"cell '{cell}' is quantized; name its float parent" if chain.quantized else None
        if first in study.cells and chain.parent != study.chain(first):
            return f"the chain of cell '{cell}' does not quantize that of '{first}'"
        if not chain.quantized:
            return f"the chain of cell '{cell}' does not end in a quantize stage"
        floats = study.runtimes_of(study.chain(first)) if first in study.cells else []
        (runtime,) = study.runtimes_of(chain)
        missing = (
            f"cell '{cell}' runs in {runtime}, in which '{first}' is not measured; add {runtime} to runtimes, or leave it out"
        )
        return missing if floats and runtime not in floats else None

    def spec(self, plan: Plan) -> dict[str, Any]:
        study = plan.study
        blocks = [
            {"runtime": runtime, **judged_by(plan, task), "rows": rows}
            for task in study.tasks
            for first, cells in self.settings(study).items()
            for runtime in study.runtimes_of(study.chain(first))
            if len(rows := self._rows(plan, task, runtime, first, cells)) > 1
        ]
        return {"study": study.study, "threads": study.threads.inference, "blocks": blocks}

    def _rows(self, plan: Plan, task: str, runtime: str, first: str, cells: list[str]) -> list[dict[str, Any]]:
        study = plan.study
        chosen = [cell for cell in cells if runtime in study.runtimes_of(study.chain(cell))]
        return [self._row(plan, task, cell, runtime) for cell in (first, *chosen)]

    def _row(self, plan: Plan, task: str, cell: str, runtime: str) -> dict[str, Any]:
        """What went back to floats is in a file beside the model."""
        chain = plan.study.chain(cell)
        entry = row(plan, task, cell, runtime, _about(plan.study, chain))
        if chain.quantized and plan.study.variant(chain).revert:
            for seed in entry["seeds"]:
                seed["reverted"] = plan.paths.reverted(task, seed["seed"], chain)
        return entry

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        return [*measured_files(row), *([row["reverted"]] if "reverted" in row else [])]

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.core.files import read_json
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table
        from edgemin.report.measured import timed_of
        from edgemin.report.statistics.adjust import correction_note

        table = frame(spec)
        seeds = seeds_of(spec)
        hosts = [read_json(Path(seed["folder"]) / "latency.json")["host"] for seed in timed_of(seeds)]
        note = f"{NOTE} {times_note(seeds)} {correction_note(table)}"
        if not all(_DOT_PRODUCTS & set(host["flags"]) for host in hosts):
            note += (
                " Some were measured on a CPU without VNNI or dot-product instructions, where INT8 saturates and answers differ."
            )
        if "reverted" in table:
            note += REVERTED
        write_table(self, spec, folder, table, columns_of(table), note)


def _about(study: Study, chain: Chain) -> dict[str, Any]:
    if not chain.quantized:
        return {"scheme": None, "details": None}
    variant = study.variant(chain)
    details = variant.model_copy(update={"revert": None}).details
    limit = [f"revert to {variant.revert.max_drop:g}"] if variant.revert else []
    return {"scheme": variant.scheme, "details": ", ".join([details, *limit] if details else limit)}


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, runtime, reference and cell, numbers unrounded."""
    import pandas as pd

    from edgemin.report.statistics.adjust import adjusted

    if not spec["blocks"]:
        raise EdgeminError("tables.quantization: the study has none; add a float cell and quantized ones (config/README.md)")
    return adjusted(pd.DataFrame([row for block in spec["blocks"] for row in _block(block)]))


def _block(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    from edgemin.report.blocks import compared
    from edgemin.report.measured import validation_of
    from edgemin.report.statistics.judge import Judge

    rows: list[dict[str, Any]] = []
    judge, reference = Judge.of(block), None
    for one in compared(block):
        folders = [seed["folder"] for seed in one.cell["seeds"]]
        entry = {"runtime": block["runtime"], **one.row, "validation": validation_of(folders, block["metric"])}
        reference = reference or one
        if one is not reference and (alike := judge.scores.agreement(one.logits, reference.logits)) is not None:
            entry["agreement"] = alike
        entry |= _reverted(one.cell["seeds"])
        rows.append({**entry, "smaller": reference.row["bytes"] / one.row["bytes"], **_batches(one.timed)})
    return rows


def _reverted(seeds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over seeds: linear layers that are floats again, and all that were quantized; of rows that revert none nothing."""
    import numpy as np

    from edgemin.core.files import read_json

    reverted = [read_json(seed["reverted"]) for seed in seeds if "reverted" in seed]
    if not reverted:
        return {}
    return {
        "reverted": float(np.mean([len(one["steps"]) for one in reverted])),
        "reverted_of": float(np.mean([one["layers"] for one in reverted])),
    }


def _batches(results: pd.DataFrame) -> dict[str, float | None]:
    """Mean over seeds of the paired ratio of throughput to the parent's, with its ends."""
    throughput = results[results["scenario"] == "throughput"]
    names = {f"throughput_over_parent{end}": f"speedup_over_parent{end}" for end in ("", "_low", "_high")}
    chosen = {name: throughput.loc[throughput["metric"] == metric, "value"] for name, metric in names.items()}
    return {name: float(values.mean()) if len(values) else None for name, values in chosen.items()}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    quantized = table.where(table["scheme"].notna())
    agreement = table.get("agreement", [None] * len(table))
    return [
        *columns.task(table),
        columns.text("runtime", table["runtime"], columns.repeats(table, "task", "runtime", "reference")),
        columns.text("cell", table["cell"]),
        columns.text("scheme", table["scheme"], missing="fp32"),
        columns.text("details", table["details"], missing=""),
        *(
            [columns.text("floats again", map(_share, table["reverted"], table["reverted_of"]), missing="")]
            if "reverted" in table
            else []
        ),
        columns.numbers("validation", table["validation"], common_scale(table["metric"]).value),
        *columns.judged(table),
        columns.numbers("agreement %", agreement, Format(1, 100)),
        columns.millions("MB", table["bytes"]),
        columns.numbers("smaller", table["smaller"], Format(1, unit="×")),
        columns.intervals("p50 ms", table, "p50", columns.MILLISECONDS),
        columns.numbers("p90 ms", table["p90"], columns.MILLISECONDS),
        columns.intervals("faster", quantized, "speedup_over_parent", columns.TIMES),
        columns.numbers("sentences/s", table["sentences_per_second"], columns.WHOLE),
        columns.intervals("in batches", quantized, "throughput_over_parent", columns.TIMES),
    ]


def _share(reverted: float, layers: float) -> str | None:
    return None if reverted != reverted else f"{reverted:g} of {layers:g}"  # not a number where none are reverted
