"""The stage-wise table: what each stage costs and buys. One block per runtime, so that a stage is never compared across runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.chains import STAGES
from edgemin.files import read_json
from edgemin.report import markup
from edgemin.report.adjust import adjusted, said
from edgemin.report.blocks import compared

NOTE = (
    "Quality and its change: test split, 95 % intervals by a bootstrap crossed over seeds and examples; a change is paired with "
    "{reference}. Single stream: batch 1, real sentences, tokenisation excluded; speed-ups are paired ratios "
    "against the teacher measured in the same job and runtime. MB = 10^6 bytes of all files needed to predict (weights, "
    "config, tokenizer). 'Naive' is what sum(p.numel() for p in model.parameters()) reports: after torch's INT8 quantization it "
    "drops because packed weights are no longer parameters, not because weights were removed; 'logical' counts every weight "
    "that takes part in inference."
)
_TITLES = {"stagewise": ("Stage by stage", "the row above"), "subsets": ("Subsets of the stages", "the teacher")}


def stagewise(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, runtime and cell, in the order given; numbers unrounded.

    table: the reports' `table(name)`; in "stagewise" a change is against the row above, in "subsets" against the first.
    """
    stepwise = table["table"] == "stagewise"
    return adjusted(pd.DataFrame([one.row for block in table["blocks"] for one in compared(block, stepwise)]))


def shown(table: pd.DataFrame, subsets: bool = False) -> pd.DataFrame:
    """The columns that a person reads, as text. subsets: say which stages each chain has."""
    first = table.groupby(["task", "runtime"], sort=False)["bytes"].transform("first")
    columns = markup.task_column(table)
    columns |= {"runtime": table["runtime"], "cell": table["cell"]}
    if subsets:
        columns |= {
            stage: table["chain"].map(lambda chain, stage=stage: "yes" if f"/{stage}-" in chain else "") for stage in STAGES
        }
    columns |= {
        **markup.judged(table),
        "naive M": markup.millions(table["naive"]),
        "logical M": markup.millions(table["logical"]),
        "MB": markup.millions(table["bytes"]),
        "smaller": markup.numbers(first / table["bytes"], 1, 1, "×"),
        "p50 ms": markup.intervals(table, "p50", 1, 2),
        "p90 ms": markup.numbers(table["p90"], 1, 2),
        "faster than teacher": markup.intervals(table, "speedup_over_reference", 1, 2, unit="×"),
        "sentences/s": markup.numbers(table["sentences_per_second"], 1, 0),
    }
    return pd.DataFrame(columns)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write {table}.csv (unrounded), {table}.md and {table}.tex to the folder. spec: see `stagewise`."""
    name = spec["table"]
    table = stagewise(spec)
    measured = [seed for block in spec["blocks"] for row in block["rows"] for seed in row["seeds"]]
    hosts = sorted({read_json(Path(seed["folder"]) / "latency.json")["host"]["cpu"] for seed in measured})
    title, reference = _TITLES[name]
    note = f"{NOTE.format(reference=reference)} Machine: {', '.join(hosts)}; {spec['threads']} inference thread(s). {said(table)}"
    text = shown(table, subsets=name == "subsets")
    markup.write_forms(folder, name, table, text, f"{title}: {spec['study']}", note)
