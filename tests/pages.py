"""A tiny study with all that its page reads, written by hand: no training, no timing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from edgemin.core.files import write_json
from edgemin.plan import page
from edgemin.plan.plan import Plan
from edgemin.report.collect import collect, write
from edgemin.study import registry
from edgemin.study.read import parse_study

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> & \"quoted\"\u2028"
LADDERS = {
    "onnxruntime": ["teacher", "kd", "kd_prune", "edgemin"],
    "torch": ["teacher", "kd", "kd_prune", "edgemin_torch"],
    "openvino": ["teacher", "kd", "kd_prune", "edgemin_nncf"],
}
"""Runtime -> its rows of the stage-wise table."""
NNCF = "teacher/distill-minilmv2/prune-heads25/quantize-int8_nncf"
RIGHT = {
    "majority": 20,
    "tfidf": 24,
    "teacher": 36,
    "kd": 28,
    "kd_prune": 28,
    "edgemin": 27,
    "edgemin_torch": 27,
    "edgemin_nncf": 26,
}
"""Of 40 test sentences, those from the first on."""
BYTES = {
    "majority": 200,
    "tfidf": 1e5,
    "teacher": 4e6,
    "kd": 2e6,
    "kd_prune": 2e6,
    "edgemin": 5e5,
    "edgemin_torch": 1e6,
    "edgemin_nncf": 8e5,
}
P50 = {"majority": 0.001, "tfidf": 0.02, "teacher": 8.0, "kd": 2.0, "kd_prune": 2.0, "edgemin": 1.0, "edgemin_nncf": 0.5}
"""In ONNX Runtime; so many TIMES that in others. edgemin_torch has no latency."""
TIMES = {"onnxruntime": 1.0, "torch": 2.0, "openvino": 1.5, "numpy": 1.0}
PARENT = {"kd": "teacher", "kd_prune": "kd", "edgemin": "kd_prune", "edgemin_nncf": "kd_prune"}
FOUND = "What the figure shows"
"""In the plots, as they describe themselves."""
WIDE = 1056
"""Of the plots, pixels: 11 inches."""
SHA = "0123456789abcdef" * 4


def study_of(question: str = HOSTILE, runtimes: Sequence[str] = ("onnxruntime", "torch"), **changes: Any) -> dict[str, Any]:
    """The study as a file has it. question: of every cell. runtimes: in which it is measured. changes: keys of the study."""
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    study = {name: config[name] for name in ("study", "tasks", "teacher", "distill", "prune", "quantize", "latency", "seeds")}
    study["tasks"]["snippets"].pop("out_of_domain")
    study["distill"].pop("everything")
    study["quantize"]["int8_nncf"] = {"scheme": "int8_nncf", "sentences": 16}
    ladders = {runtime: LADDERS[runtime] for runtime in runtimes}
    cells = dict.fromkeys(cell for cells in ladders.values() for cell in cells)
    chains = {"edgemin_nncf": NNCF, **config["cells"]}
    study["cells"] = {cell: {"chain": chains[cell], "question": question} for cell in cells}
    study |= {"tables": {"stagewise": ladders}, "recommend": config["recommend"], "runtimes": list(runtimes)}
    return {**study, "page": ["stagewise", "recommendation"], **changes}


@contextmanager
def written(folder: Path, **more: Any) -> Iterator[dict[str, Any]]:
    """`tree`, with `folder` as the working directory as long as it is read."""
    with chdir(folder):
        yield tree(folder, **more)


def tree(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the results of `study_of(**changes)` below `folder`, which has to be the working directory; returns the page's spec."""
    study = study_of(**changes)
    plan = Plan(parse_study(study))
    spec = page.spec(plan)
    for row in spec["rows"]:
        _measurements(folder / row["folder"], row["cell"], row["runtime"])
    for text, link in spec["links"].items():
        for model in link["models"]:
            _model(folder / model["folder"], text)
    tables = folder / spec["root"] / "tables"
    tables.mkdir(parents=True)
    write(collect(spec["rows"]), tables / "results.csv")
    for name in ("cells", *study["page"]):
        registry.TABLES[name].write(registry.TABLES[name].spec(plan), tables)
    (folder / spec["root"] / "plots").mkdir()
    for name in ("stagewise", "pareto_latency", "pareto_size"):
        (folder / spec["root"] / "plots" / f"{name}.svg").write_text(
            f"<svg xmlns='http://www.w3.org/2000/svg' xmlns:dc='http://purl.org/dc/elements/1.1/' width='{WIDE}' height='500'><dc:description>{FOUND} &lt; {name}</dc:description></svg>",
            encoding="utf-8",
        )
    return spec


def _measurements(folder: Path, cell: str, runtime: str) -> None:
    folder.mkdir(parents=True)
    gold = np.arange(40) % 2
    predicted = np.where(np.arange(40) < RIGHT[cell], gold, 1 - gold)
    answers = {
        "split": ["test"] * 40 + ["validation"] * 2,
        "label": [*gold, 0, 1],
        "logits": list(np.eye(2)[[*predicted, 0, 0]]),
    }
    pd.DataFrame(answers).to_parquet(folder / "predictions.parquet")
    splits = {"validation": {"accuracy": 0.5, "examples": 2}, "test": {"accuracy": RIGHT[cell] / 40, "examples": 40}}
    write_json(folder / "quality.json", {"splits": splits})
    naive = 900_000 if runtime == "torch" else None
    sizes: Mapping[str, Any] = {"naive": naive, "logical": 1_000_000, "nonzero": 1_000_000, "components": {}}
    write_json(folder / "size.json", {**sizes, "bytes": int(BYTES[cell]), "compressed": int(BYTES[cell] / 2)})
    host = {"cpu": f"CPU of the test {HOSTILE}", "flags": ["avx2"], "load_1min": 0.5, "measured_at": "2026-01-02T03:04:05+00:00"}
    latency = {
        "single_stream": _latency(cell, TIMES[runtime]),
        "tokenisation_p50_ms": 0.1,
        "rounds": 2,
        "threads": 1,
        "host": host,
    }
    if cell in P50:  # half as long again as the answer alone
        latency |= {"end_to_end_p50_ms": _interval(P50[cell] * TIMES[runtime] * 1.5), "cold_start_ms": _interval(100)}
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


def _model(folder: Path, chain: str) -> None:
    quantized = "quantize-" in chain
    weights = "model.bin" if chain == NNCF else "model.onnx" if quantized else "model.safetensors"
    told = {"spec": {"code": "c0de"}, "versions": {"torch": "2.0"}, "host": {"cpu": "CPU of the trainer"}}
    write_json(folder / "provenance.json", {**told, "sha256": {weights: SHA, "config.json": "f" * 64}})
    if not quantized:
        write_json(folder / "onnx_provenance.json", {**told, "sha256": {"model.onnx": SHA[::-1]}})
        write_json(folder / "history.json", {"phases": [{"seconds": 12.4, "updates": 10}, {"seconds": 30.2, "updates": 20}]})
