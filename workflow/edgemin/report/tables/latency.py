"""Time in every way that it was measured: tails, from text, by length, the first answer; and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.rows import floor_in, row_in
from edgemin.study.table import Table, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Batch 1, means over seeds. p50, p90, p99: real test sentences, tokenisation excluded. From text: tokenised and answered, p50. First answer: "
    "importing the runtime, opening the model and one answer, in a process that has done nothing before, with the files in the system's cache. "
    "Memory: what that process grew by until then, at its highest, MB = 10^6 bytes. So many tokens: p50 of inputs of just that length, and how "
    "many times faster than the teacher, one call of each in turn: caches hold what the other left there, so small models take longer than in p50."
)
PLAIN = {
    "p50": "single_stream",
    "p90": "single_stream",
    "p99": "single_stream",
    "end_to_end": "end_to_end",
    "cold_start": "first_use",
    "peak_memory": "first_use",
}
"""Column -> scenario of results.csv that its metric is in."""


class LatencyTable(Table):
    name = "latency"
    title = "Latency"
    caption = (
        "Tails, from text to answer, by length, the first answer and memory, of the cells of the stage-wise table. Batch 1, on the threads "
        "that the study says."
    )
    anyway = True

    def declared(self, study: Study) -> bool:
        return bool(study.blocks("stagewise"))

    def spec(self, plan: Plan) -> dict[str, Any]:
        """The baselines, and the cells of the stage-wise table in their runtimes."""
        study = plan.study
        rows = [
            row
            for task in study.tasks
            for row in (
                *floor_in(plan, task),
                *(row_in(plan, task, cell, runtime) for runtime, cells in study.blocks("stagewise").items() for cell in cells),
            )
        ]
        return {"study": study.study, "rows": rows}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table

        table = frame(spec)
        write_table(self, spec, folder, table, columns_of(table), f"{NOTE} {times_note(seeds_of(spec))}")


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, runtime and cell, means over the seeds of one class of machine, numbers unrounded."""
    import pandas as pd

    from edgemin.report.collect import collect
    from edgemin.report.measured import mean_of, of_one_machine

    rows = []
    for row in spec["rows"]:
        results = collect(of_one_machine(row["seeds"]))
        names = {**{name: row[name] for name in ("task", "runtime", "cell")}, "chain": row["seeds"][0]["chain"]}
        measured = {name: mean_of(results, "p50" if name == "end_to_end" else name, scenario) for name, scenario in PLAIN.items()}
        lengths = sorted({int(one.split()[0]) for one in results["scenario"].dropna() if one.endswith(" tokens")})
        for length in lengths:
            for metric in ("p50", "speedup_over_reference"):
                measured[f"{metric}_{length}_tokens"] = mean_of(results, metric, f"{length} tokens")
        rows.append({**names, **measured})
    return pd.DataFrame(rows)


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns

    plain = {"p50": "p50 ms", "p90": "p90 ms", "p99": "p99 ms", "end_to_end": "from text ms"}
    return [
        *columns.task(table),
        columns.text("runtime", table["runtime"]),
        columns.text("cell", table["cell"]),
        *(columns.numbers(heading, table[name], columns.MILLISECONDS) for name, heading in plain.items()),
        columns.numbers("first answer ms", table["cold_start"], columns.WHOLE),
        columns.numbers("memory MB", table["peak_memory"], columns.WHOLE),
        *(_of_length(table, name.split("_")[1]) for name in table if name.startswith("p50_")),
    ]


def _of_length(table: pd.DataFrame, tokens: str) -> Column:
    """Time, and in brackets how many times faster than the teacher."""
    from edgemin.report import columns
    from edgemin.report.number import MISSING, Format

    faster = [Format(1, unit="×").text(ratio) for ratio in table[f"speedup_over_reference_{tokens}_tokens"]]
    times = columns.numbers(f"{tokens} tokens ms", table[f"p50_{tokens}_tokens"], columns.MILLISECONDS)
    return replace(times, after=["" if text == MISSING else f" ({text})" for text in faster])
