"""The stage-wise table: what each stage costs and buys. One block per runtime, so that a stage is never compared across runtimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.chains import STAGES
from edgemin.files import read_json
from edgemin.measure.blocks import Interval
from edgemin.report import markup
from edgemin.report.collect import collect
from edgemin.report.statistics import difference, quality, scorer

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

    table: `table` ("stagewise": a change is against the row above, "subsets": against the first), `metrics` by task, and
    `blocks`: [{task, runtime, cells: {cell: [one row per seed, with the folder of its measurements]}}].
    """
    rows = []
    for block in table["blocks"]:
        metric = table["metrics"][block["task"]]
        score = scorer(metric)
        against = None
        for cell, measured in block["cells"].items():
            labels, logits = logits_of([row["folder"] for row in measured])
            row = {
                "task": block["task"],
                "runtime": block["runtime"],
                "cell": cell,
                "chain": measured[0]["chain"],
                "metric": metric,
                "seeds": len(logits),
                **interval_columns("quality", quality(score, labels, logits)),
                "quality_sd": float(np.std([score(labels, one) for one in logits], ddof=1)) if len(logits) > 1 else None,
            }
            if against is not None:
                row.update(interval_columns("quality_change", difference(score, labels, logits, against)))
            if against is None or table["table"] == "stagewise":
                against = logits
            results = collect(measured)
            rows.append({**row, **sizes_of(results), **latencies_of(results)})
    return pd.DataFrame(rows)


def interval_columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def logits_of(folders: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """labels (N,) and logits (S, N, K) of the test split, one row of folders per seed."""
    tables = [pd.read_parquet(Path(folder) / "predictions.parquet") for folder in folders]
    tests = [table[table["split"] == "test"] for table in tables]
    return tests[0]["label"].to_numpy(), np.stack([np.stack(test["logits"].to_list()) for test in tests])


def _mean(rows: pd.DataFrame, metric: str, scenario: str | None = None) -> float | None:
    """Mean over seeds; None where it was not measured."""
    chosen = rows[(rows["metric"] == metric) & ((rows["scenario"] == scenario) if scenario else rows["scenario"].isna())]
    return float(chosen["value"].mean()) if len(chosen) else None


def sizes_of(rows: pd.DataFrame) -> dict[str, float | None]:
    names = {
        "parameters_naive": "naive",
        "parameters_logical": "logical",
        "parameters_nonzero": "nonzero",
        "bytes": "bytes",
        "compressed": "compressed",
    }
    return {name: _mean(rows, metric) for metric, name in names.items()}


def latencies_of(rows: pd.DataFrame) -> dict[str, float | None]:
    """Means over seeds; an interval's ends are averaged too, which keeps its width: seeds do not make one machine many."""
    found = {}
    for metric in ("p50", "p90", "p99", "speedup_over_reference", "speedup_over_parent"):
        for end in ("", "_low", "_high"):
            found[f"{metric}{end}"] = _mean(rows, metric + end, "single_stream")
    found["sentences_per_second"] = _mean(rows, "sentences_per_second", "throughput")
    return found


def shown(table: pd.DataFrame, subsets: bool = False) -> pd.DataFrame:
    """The columns that a person reads, as text. subsets: say which stages each chain has."""
    factor, label, digits = markup.scale_of(table)
    first = table.groupby(["task", "runtime"], sort=False)["bytes"].transform("first")
    columns = markup.task_column(table)
    columns |= {"runtime": table["runtime"], "cell": table["cell"]}
    if subsets:
        columns |= {
            stage: table["chain"].map(lambda chain, stage=stage: "yes" if f"/{stage}-" in chain else "") for stage in STAGES
        }
    columns |= {
        label: markup.intervals(table, "quality", factor, digits),
        "change": markup.intervals(table, "quality_change", factor, digits + 1, signed=True),
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
    measured = [row for block in spec["blocks"] for rows in block["cells"].values() for row in rows]
    hosts = sorted({read_json(Path(row["folder"]) / "latency.json")["host"]["cpu"] for row in measured})
    title, reference = _TITLES[name]
    note = f"{NOTE.format(reference=reference)} Machine: {', '.join(hosts)}; {spec['threads']} inference thread(s); {table['seeds'].max()} seed(s)."
    text = shown(table, subsets=name == "subsets")
    markup.write_forms(folder, name, table, text, f"{title}: {spec['study']}", note)
