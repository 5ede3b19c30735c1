"""The table of objectives: every student against the control that was trained as long on labels alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.report import markup
from edgemin.report.adjust import adjusted, said
from edgemin.report.blocks import judged
from edgemin.report.measured import logits_of

NOTE = (
    "Test split, 95 % intervals by a bootstrap crossed over seeds and examples. A change is paired with the control, the first row "
    "of each block, which saw as many updates of the same batch size with labels alone. Agreement: share of the test examples on "
    "which student and teacher decide alike; KL(teacher || student) of their predictions in nats. Training seconds and examples/s are the "
    "student's, on as many threads as the study says and beside whatever else the machine did; the teacher's seconds, for one "
    "pass that all students share, stand apart. Projection: the objective compares hidden states through a learned matrix, "
    "which is thrown away."
)


def distillation(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task and cell, numbers unrounded. table: the plan's `distillation()`."""
    rows: list[dict[str, Any]] = []
    if not table["blocks"]:
        raise EdgeminError("tables.distillation: the study has none; add control and cells (config/README.md)")
    for block in table["blocks"]:
        control = block["rows"][0]["cell"]
        cells = [
            (
                {"task": block["task"], "control": control, "cell": cell["cell"], "chain": cell["chain"]},
                [seed["measured"] for seed in cell["seeds"]],
            )
            for cell in block["rows"]
        ]
        for cell, one in zip(block["rows"], judged(block["metric"], cells), strict=True):
            _, teacher = logits_of([seed["teacher"] for seed in cell["seeds"]])
            row = {**one.row, **_teacher_distance(one.logits, teacher)}
            for name in table["out_of_domain"][block["task"]]:
                scores = [read_json(Path(seed["measured"]) / "out_of_domain.json")["splits"][name] for seed in cell["seeds"]]
                row[f"out_of_domain_{name}"] = float(np.mean([found[block["metric"]] for found in scores]))
            rows.append({**row, **_training(cell["seeds"])})
    return adjusted(pd.DataFrame(rows))


def _teacher_distance(student: np.ndarray, teacher: np.ndarray) -> dict[str, float | None]:
    """Agreement and mean KL of class predictions (S, N, K); a regression has neither."""
    if student.shape[-1] == 1:
        return {"agreement": None, "kl_to_teacher": None}
    ours, theirs = (x - np.logaddexp.reduce(x, axis=-1, keepdims=True) for x in (student.astype(float), teacher.astype(float)))
    return {
        "agreement": float((student.argmax(-1) == teacher.argmax(-1)).mean()),
        "kl_to_teacher": float((np.exp(theirs) * (theirs - ours)).sum(-1).mean()),
    }


def _training(seeds: list[dict[str, Any]]) -> dict[str, float]:
    """Means over seeds of what the training took."""
    told = []
    for seed in seeds:
        phases = read_json(Path(seed["history"]))["phases"]
        seconds, seen = sum(phase["seconds"] for phase in phases), sum(phase["examples_seen"] for phase in phases)
        told.append(
            {
                "updates": sum(phase["updates"] for phase in phases),
                "training_seconds": seconds,
                "examples_per_second": seen / seconds,
                "projection_parameters": max(phase["projection_parameters"] for phase in phases),
                "teacher_seconds": sum(read_json(Path(cache))["seconds"] for cache in seed["caches"]),
            }
        )
    return {name: float(value) for name, value in pd.DataFrame(told).mean().items()}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    factor, _, digits = markup.scale_of(table)
    columns = markup.task_column(table)
    columns |= {
        "control": table["control"].where(~table.duplicated(["task", "control"]), ""),
        "cell": table["cell"],
        **markup.judged(table),
        "agreement %": markup.numbers(table["agreement"], 100, 1),
        "KL": markup.numbers(table["kl_to_teacher"], 1, 3),
    }
    for name in (column for column in table if column.startswith("out_of_domain_")):
        columns[f"{name.removeprefix('out_of_domain_')} {'%' if factor == 100 else ''}".strip()] = markup.numbers(
            table[name], factor, digits
        )
    columns |= {
        "updates": markup.numbers(table["updates"], 1, 0),
        "training s": markup.numbers(table["training_seconds"], 1, 0),
        "examples/s": markup.numbers(table["examples_per_second"], 1, 0),
        "teacher s": markup.numbers(table["teacher_seconds"], 1, 0),
        "projection": table["projection_parameters"].map(lambda count: "yes" if count else ""),
    }
    return pd.DataFrame(columns)


def _uneven(rows: pd.DataFrame) -> bool:
    """Whether some cell of a block saw more updates than another of the same task."""
    return bool((rows.groupby("task")["updates"].nunique() > 1).any())


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write distillation.csv (unrounded), .md and .tex to the folder."""
    table = distillation(spec)
    note = f"{NOTE} Runtime of the predictions: {spec['runtime']}. {said(table)}"
    if uneven := [control for control, rows in table.groupby("control", sort=False) if _uneven(rows)]:
        note += f" Not at equal compute: the numbers of updates differ in the block of {', '.join(uneven)}."
    markup.write_forms(folder, "distillation", table, shown(table), f"Distillation: {spec['study']}", note)
