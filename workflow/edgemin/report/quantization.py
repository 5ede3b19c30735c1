"""The table of quantization: each scheme against its float parent in the same runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.report import markup
from edgemin.report.adjust import adjusted, said
from edgemin.report.blocks import compared
from edgemin.report.measured import validation_of

NOTE = (
    "Test split, 95 % intervals by a bootstrap crossed over seeds and examples. Change, agreement (share of the test examples on which "
    "both decide alike), smaller and faster: against the float parent, the first row of the block, in the same runtime. Validation: what a "
    "scheme may be chosen by. Faster: paired ratio, measured in the same job, single stream, batch 1; throughput: full batches, "
    "in ONNX Runtime. MB = 10^6 bytes of all files needed to predict."
)


def quantization(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, runtime, reference and cell, numbers unrounded. table: the plan's `quantization()`."""
    if not table["blocks"]:
        raise EdgeminError("tables.quantization: the study has none; add a float cell and quantized ones (config/README.md)")
    rows = []
    for block in table["blocks"]:
        reference = None
        for one in compared(block):
            folders = [seed["folder"] for seed in one.cell["seeds"]]
            row = {"runtime": block["runtime"], **one.row, "validation": validation_of(folders, block["metric"])}
            reference = reference or one
            if one is not reference and one.logits.shape[-1] > 1:
                row["agreement"] = float((one.logits.argmax(-1) == reference.logits.argmax(-1)).mean())
            rows.append({**row, "smaller": reference.row["bytes"] / one.row["bytes"], **_batches(one.results)})
    return adjusted(pd.DataFrame(rows))


def _batches(results: pd.DataFrame) -> dict[str, float | None]:
    """Mean over seeds of the paired ratio of throughput to the parent's, with its ends."""
    found = results[results["scenario"] == "throughput"]
    names = {f"throughput_over_parent{end}": f"speedup_over_parent{end}" for end in ("", "_low", "_high")}
    chosen = {name: found.loc[found["metric"] == metric, "value"] for name, metric in names.items()}
    return {name: float(values.mean()) if len(values) else None for name, values in chosen.items()}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    factor, _, digits = markup.scale_of(table)
    columns = markup.task_column(table)
    columns |= {
        "runtime": table["runtime"].where(~table.duplicated(["task", "runtime", "reference"]), ""),
        "cell": table["cell"],
        "scheme": table["scheme"].fillna("fp32"),
        "details": table["details"].fillna(""),
        "validation": markup.numbers(table["validation"], factor, digits),
        **markup.judged(table),
        "agreement %": markup.numbers(table["agreement"], 100, 1) if "agreement" in table else markup.MISSING,
        "MB": markup.millions(table["bytes"]),
        "smaller": markup.numbers(table["smaller"], 1, 1, "×"),
        "p50 ms": markup.intervals(table, "p50", 1, 2),
        "p90 ms": markup.numbers(table["p90"], 1, 2),
        "faster": markup.intervals(table.where(table["scheme"].notna()), "speedup_over_parent", 1, 2, unit="×"),
        "sentences/s": markup.numbers(table["sentences_per_second"], 1, 0),
        "in batches": markup.intervals(table.where(table["scheme"].notna()), "throughput_over_parent", 1, 2, unit="×"),
    }
    return pd.DataFrame(columns)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write quantization.csv (unrounded), .md and .tex to the folder."""
    table = quantization(spec)
    folders = [seed["folder"] for block in spec["blocks"] for row in block["rows"] for seed in row["seeds"]]
    hosts = [read_json(Path(one) / "latency.json")["host"] for one in folders]
    machines = sorted({f"{host['cpu']} ({', '.join(host['flags'])})" for host in hosts})
    note = f"{NOTE} Machine: {'; '.join(machines)}; {spec['threads']} inference thread(s). {said(table)}"
    if not all({"avx512_vnni", "avx_vnni", "asimddp", "i8mm"} & set(host["flags"]) for host in hosts):
        note += " Some were measured on a CPU without VNNI or dot-product instructions, where INT8 saturates and answers differ."
    markup.write_forms(folder, "quantization", table, shown(table), f"Quantization: {spec['study']}", note)
