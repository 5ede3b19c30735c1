"""What PyTorch's count says of each model, beside what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.base import Name, refuses
from edgemin.study.rows import row_in
from edgemin.study.table import Table, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Naive: sum(p.numel() for p in model.parameters()) of the model as it is run; no such count exists outside PyTorch. Logical: "
    "every weight that takes part in inference. Vanished: logical without naive, weights that were packed into INT8 objects and are "
    "still multiplied by at every call. Removed: against the float model of the first row, what pruning or a smaller student "
    "really took away. Nonzero: stored values that are not zero; of weights that `few_bits` or `int8_packed`, also trained, pack into codes, "
    "those of the float parent that are not zero. MB = 10^6 bytes of all files needed to predict."
)


class Parameters(Table):
    name = "parameters"
    title = "Parameters"
    caption = (
        "What ``model.parameters()`` counts beside what takes part in inference. Weights that INT8 packing hides are not removed."
    )
    key = list[Name]
    default = []
    meaning = (
        "rows of the table of parameters besides those of `stagewise` and `quantization`. Made by the target `table_parameters`"
    )
    anyway = True

    def declared(self, study: Study) -> bool:
        return bool(study.tables.quantization or study.tables.parameters)

    def cells(self, study: Study) -> list[str]:
        blocks = study.tables.quantization
        return [*(cell for first, cells in blocks.items() for cell in (first, *cells)), *study.tables.parameters]

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        yield from (study.no_cell("tables.parameters", cell) for cell in study.tables.parameters if cell not in study.cells)

    def spec(self, plan: Plan) -> dict[str, Any]:
        """Every cell of the stage-wise table and of quantization, in its runtimes, and those that are named."""
        study = plan.study
        pairs = [(runtime, cell) for runtime, cells in study.blocks("stagewise").items() for cell in cells]
        pairs += [(runtime, cell) for cell in self.cells(study) for runtime in study.runtimes_of(study.chain(cell))]
        rows = [row_in(plan, task, cell, runtime) for task in study.tasks for runtime, cell in dict.fromkeys(pairs)]
        return {"study": study.study, "rows": rows}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table

        table = frame(spec)
        write_table(self, spec, folder, table, columns_of(table), f"{NOTE} {times_note(seeds_of(spec))}")


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, cell and runtime, means over seeds, of times over those of one class of machine; numbers unrounded."""
    import numpy as np
    import pandas as pd

    from edgemin.core.files import read_json
    from edgemin.report.measured import of_one_machine

    rows = []
    for row in spec["rows"]:
        folders = [Path(seed["folder"]) for seed in row["seeds"]]
        sizes = pd.DataFrame([_counts(read_json(folder / "size.json")) for folder in folders]).mean()
        quality = [read_json(folder / "quality.json")["splits"]["test"][row["metric"]] for folder in folders]
        latency = [
            read_json(Path(seed["folder"]) / "latency.json")["single_stream"]["p50_ms"]["value"]
            for seed in of_one_machine(row["seeds"])
        ]
        names = {name: row[name] for name in ("task", "cell", "runtime", "metric")}
        measured = {"quality": float(np.mean(quality)), "p50": float(np.mean(latency))}
        rows.append({**names, "chain": row["seeds"][0]["chain"], **sizes.to_dict(), **measured})
    table = pd.DataFrame(rows)
    table["vanished"] = table["logical"] - table["naive"]
    table["removed"] = table.groupby("task")["logical"].transform("first") - table["logical"]
    return table


def _counts(size: Mapping[str, Any]) -> dict[str, float]:
    """No naive count: not a number."""
    parts = {name: counts["logical"] for name, counts in size["components"].items()}
    counts = {name: size[name] for name in ("naive", "logical", "nonzero", "bytes")}
    return {name: float("nan") if value is None else float(value) for name, value in (counts | parts).items()}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.measure.size import COMPONENTS
    from edgemin.report import columns
    from edgemin.report.number import common_scale

    scale = common_scale(table["metric"])
    return [
        *columns.task(table),
        columns.text("cell", table["cell"]),
        columns.text("runtime", table["runtime"]),
        *(
            columns.millions(f"{name} M", table[name])
            for name in ("naive", "logical", "vanished", "removed", "nonzero", *COMPONENTS)
        ),
        columns.millions("MB", table["bytes"]),
        columns.numbers("p50 ms", table["p50"], columns.MILLISECONDS),
        columns.numbers(scale.label, table["quality"], scale.value),
    ]
