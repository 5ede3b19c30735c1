"""A bundle of a tiny INT8 model, with made-up measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.files import write_json
from edgemin.deploy.bundle import make_bundle
from edgemin.measure.host import host
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize

SPEC = {
    "study": "small",
    "task": "words",
    "cell": "tiny",
    "seed": 3,
    "chain": "teacher/quantize-int8",
    "max_length": 16,
    "metric": "accuracy",
    "batch_invariant": False,
    "sources": ["teacher: random weights", "data of task words: local files of whoever ran the study"],
    "command": "snakemake --cores all results/small/deploy/tiny/seed3/model.onnx",
}


def measurements(folder: Path) -> Path:
    """Files of measurements in `folder`, made up."""
    splits = {split: {"accuracy": value, "examples": 24} for split, value in (("validation", 0.75), ("test", 0.625))}
    write_json(folder / "quality.json", {"metric": "accuracy", "splits": splits})
    write_json(folder / "size.json", {"logical": 4321000, "bytes": 1234567})
    stream = {"p50_ms": {"value": 1.25}, "p90_ms": {"value": 2.5}, "speedup_over_reference": {"value": 23.62}}
    write_json(folder / "latency.json", {"single_stream": stream, "threads": 1, "host": host(1)})
    return folder


def int8_bundle(exported: Path, data: Path, folder: Path, **variant: Any) -> Path:
    """Of a checkpoint with its graph, in dynamic INT8 with the keys of `variant`."""
    model, measured, out = (folder / name for name in ("int8", "measured", "bundle"))
    quantize(QuantizeInputs(exported, model, {"variant": {"backend": "onnxruntime", **variant}}))
    measured.mkdir()
    make_bundle(model, measurements(measured), data, out, SPEC)
    return out
