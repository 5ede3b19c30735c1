"""The table of parameters: what PyTorch's count says of each model, beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.files import read_json
from edgemin.measure.size import COMPONENTS
from edgemin.report import markup

NOTE = (
    "Naive: sum(p.numel() for p in model.parameters()) of the model as it is run; no such count exists for an ONNX graph. Logical: "
    "every weight that takes part in inference. Vanished: logical without naive, weights that were packed into INT8 objects and are "
    "still multiplied by at every call. Removed: against the float model of the first row, what pruning or a smaller student "
    "really took away. Nonzero: stored values that are not zero. MB = 10^6 bytes of all files needed to predict."
)


def parameters(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, cell and runtime, means over seeds, numbers unrounded. table: the plan's `parameters()`."""
    rows = []
    for row in table["rows"]:
        folders = [Path(seed["folder"]) for seed in row["seeds"]]
        sizes = pd.DataFrame([_counts(read_json(folder / "size.json")) for folder in folders]).mean()
        quality = [read_json(folder / "quality.json")["splits"]["test"][row["metric"]] for folder in folders]
        latency = [read_json(folder / "latency.json")["single_stream"]["p50_ms"]["value"] for folder in folders]
        names = {name: row[name] for name in ("task", "cell", "runtime", "metric")}
        measured = {"quality": float(np.mean(quality)), "p50": float(np.mean(latency))}
        rows.append({**names, "chain": row["seeds"][0]["chain"], **sizes.to_dict(), **measured})
    frame = pd.DataFrame(rows)
    frame["vanished"] = frame["logical"] - frame["naive"]
    frame["removed"] = frame.groupby("task")["logical"].transform("first") - frame["logical"]
    return frame


def _counts(size: Mapping[str, Any]) -> dict[str, float]:
    """No naive count: not a number."""
    parts = {name: size["components"][name]["logical"] for name in COMPONENTS}
    counts = {name: size[name] for name in ("naive", "logical", "nonzero", "bytes")}
    return {name: np.nan if value is None else float(value) for name, value in (counts | parts).items()}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    factor, label, digits = markup.scale_of(table)
    columns = markup.task_column(table)
    columns |= {"cell": table["cell"], "runtime": table["runtime"]}
    for name in ("naive", "logical", "vanished", "removed", "nonzero", *COMPONENTS):
        columns[f"{name} M"] = markup.millions(table[name])
    columns |= {
        "MB": markup.millions(table["bytes"]),
        "p50 ms": markup.numbers(table["p50"], 1, 2),
        label: markup.numbers(table["quality"], factor, digits),
    }
    return pd.DataFrame(columns)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write parameters.csv (unrounded), .md and .tex to the folder."""
    table = parameters(spec)
    markup.write_forms(folder, "parameters", table, shown(table), f"Parameters: {spec['study']}", NOTE)
