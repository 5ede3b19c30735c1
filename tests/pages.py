"""A tiny study with all that its page reads, written by hand: no training, no timing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from edgemin.config import parse_study
from edgemin.files import write_json
from edgemin.plan import Plan
from edgemin.report import recommendation, stagewise
from edgemin.report.collect import collect, write
from edgemin.reports import Reports

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> & \"quoted\"\u2028"
LADDER = ("teacher", "kd", "kd_prune", "edgemin", "edgemin_torch")
RIGHT = {"teacher": 36, "kd": 28, "kd_prune": 28, "edgemin": 27, "edgemin_torch": 27}
"""Of 40 test sentences, those from the first on."""
BYTES = {"teacher": 4_000_000, "kd": 2_000_000, "kd_prune": 2_000_000, "edgemin": 500_000, "edgemin_torch": 1_000_000}
P50 = {"teacher": 8.0, "kd": 2.0, "kd_prune": 2.0, "edgemin": 1.0}
"""In ONNX Runtime; twice that in PyTorch. edgemin_torch has no latency."""
PARENT = {"kd": "teacher", "kd_prune": "kd", "edgemin": "kd_prune"}
SHA = "0123456789abcdef" * 4


def tree(folder: Path, question: str = HOSTILE, **changes: Any) -> dict[str, Any]:
    """Write the study's results below `folder`, which has to be the working directory; returns the page's spec.

    question: of every cell. changes: keys of the study.
    """
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    study = {name: config[name] for name in ("study", "tasks", "teacher", "distill", "prune", "quantize", "latency", "seeds")}
    study["tasks"]["snippets"].pop("out_of_domain")
    study["distill"].pop("everything")
    study["cells"] = {cell: {"chain": config["cells"][cell], "question": question} for cell in LADDER}
    study |= {"tables": {"stagewise": config["tables"]["stagewise"]}, "recommend": config["recommend"]}
    study |= {"page": ["stagewise", "recommendation"], **changes}
    reports = Reports(Plan(parse_study(study)))
    spec = reports.page()
    for row in spec["rows"]:
        _measurements(folder / row["folder"], row["cell"], row["runtime"])
    for text, link in spec["links"].items():
        for model in link["models"]:
            _model(folder / model["folder"], quantized="quantize-" in text)
    tables = folder / spec["root"] / "tables"
    tables.mkdir(parents=True)
    write(collect(spec["rows"]), tables / "results.csv")
    stagewise.write_tables(reports.spec("stagewise"), tables)
    recommendation.write_tables(reports.spec("recommendation"), tables)
    (folder / spec["root"] / "plots").mkdir()
    for name in ("stagewise", "pareto_latency", "pareto_size"):
        (folder / spec["root"] / "plots" / f"{name}.svg").write_text(
            "<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8"
        )
    return spec


def _measurements(folder: Path, cell: str, runtime: str) -> None:
    folder.mkdir(parents=True)
    gold = np.arange(40) % 2
    predicted = np.where(np.arange(40) < RIGHT[cell], gold, 1 - gold)
    answers = {"split": ["test"] * 40, "label": gold, "logits": list(np.eye(2)[predicted])}
    pd.DataFrame(answers).to_parquet(folder / "predictions.parquet")
    splits = {"validation": {"accuracy": 0.5, "examples": 2}, "test": {"accuracy": RIGHT[cell] / 40, "examples": 40}}
    write_json(folder / "quality.json", {"splits": splits})
    naive = 900_000 if runtime == "torch" else None
    sizes: Mapping[str, Any] = {"naive": naive, "logical": 1_000_000, "nonzero": 1_000_000, "components": {}}
    write_json(folder / "size.json", {**sizes, "bytes": BYTES[cell], "compressed": BYTES[cell] // 2})
    host = {"cpu": f"CPU of the test {HOSTILE}", "flags": ["avx2"], "load_1min": 0.5, "measured_at": "2026-01-02T03:04:05+00:00"}
    latency = {"single_stream": _latency(cell, 2.0 if runtime == "torch" else 1.0), "tokenisation_p50_ms": 0.1, "host": host}
    write_json(folder / "latency.json", latency)


def _latency(cell: str, times: float) -> dict[str, Any]:
    if cell not in P50:
        return {}
    found = {name: _interval(P50[cell] * times * factor) for name, factor in (("p50_ms", 1), ("p90_ms", 1.5), ("p99_ms", 2))}
    if cell in PARENT:
        found["speedup_over_reference"] = _interval(P50["teacher"] / P50[cell])
        found["speedup_over_parent"] = _interval(P50[PARENT[cell]] / P50[cell])
    return found


def _interval(value: float) -> dict[str, float]:
    """A tenth to either side."""
    return {"value": value, "low": value * 0.9, "high": value * 1.1}


def _model(folder: Path, quantized: bool) -> None:
    weights = "model.onnx" if quantized else "model.safetensors"
    told = {"spec": {"code": "c0de"}, "versions": {"torch": "2.0"}, "host": {"cpu": "CPU of the trainer"}}
    write_json(folder / "provenance.json", {**told, "sha256": {weights: SHA, "config.json": "f" * 64}})
    if not quantized:
        write_json(folder / "onnx_provenance.json", {**told, "sha256": {"model.onnx": SHA[::-1]}})
        write_json(folder / "history.json", {"phases": [{"seconds": 12.4, "updates": 10}, {"seconds": 30.2, "updates": 20}]})
