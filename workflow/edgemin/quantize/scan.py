"""Which parts of a model suffer from INT8: each is quantized alone, all others staying floats, and judged on validation."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.encoders.families import FAMILIES
from edgemin.files import read_json
from edgemin.measure.quality import predict
from edgemin.measure.run_onnxruntime import open_graph
from edgemin.provenance import EXPORT_PROVENANCE, check_provenance
from edgemin.quantize.graphs import linear_layers, read_graph, split_gemms
from edgemin.quantize.onnxruntime_dynamic import quantize_model
from edgemin.tasks import store
from edgemin.tasks.metrics import compute
from edgemin.tasks.tokens import load_tokenizer, tokenize


def scan(parent: Path, data: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Per part (`embeddings`, `layer 0 attention`, …, `head`; and `all`) the metric and the mean KL(float || quantized) of dynamic
    INT8, on the first `sentences` of validation, one at a time. spec: sentences, max_length, metric, threads."""
    check_provenance(parent, "model.onnx", name=EXPORT_PROVENANCE)
    config, tokenizer = read_json(parent / "config.json"), load_tokenizer(parent)
    rows = store.read_split(data, "validation").head(spec["sentences"])
    tokens, labels = tokenize(tokenizer, rows, spec["max_length"]), rows["label"].to_numpy()

    def answers(graph: Path) -> np.ndarray:
        return predict(open_graph(graph, spec["threads"]), tokens, tokenizer.pad_token_id, batch_size=1)

    plain = answers(parent / "model.onnx")
    model = read_graph(parent / "model.onnx")
    split_gemms(model)
    parts: dict[str, list[str]] = {}
    for layer in linear_layers(model):
        parts.setdefault(part_of(layer.module, config), []).append(layer.node.name)
    everything = [node for nodes in parts.values() for node in nodes]
    wanted = {
        "embeddings": everything,
        **{part: [n for n in everything if n not in nodes] for part, nodes in parts.items()},
        "all": [],
    }
    points = []
    with tempfile.TemporaryDirectory() as folder:
        for part, skipped in wanted.items():
            started, graph = time.monotonic(), Path(folder) / "model.onnx"
            operators = [*(["MatMul"] if part != "embeddings" else []), *(["Gather"] if part in ("embeddings", "all") else [])]
            quantize_model(copy.deepcopy(model), graph, operators, per_channel=True, skipped=skipped)
            found = answers(graph)
            points.append(
                {
                    "part": part,
                    "value": compute(spec["metric"], labels, found),
                    "divergence": divergence(plain, found),
                    "seconds": round(time.monotonic() - started, 2),
                }
            )
    return {"metric": spec["metric"], "sentences": len(rows), "float": compute(spec["metric"], labels, plain), "points": points}


def divergence(plain: np.ndarray, other: np.ndarray) -> float:
    """Mean KL(plain || other) of class predictions (N, K) in nats; of a regression (N, 1) the mean squared difference."""
    if plain.shape[1] == 1:
        return float(np.square(plain - other).mean())
    ours, theirs = (x - np.logaddexp.reduce(x, axis=1, keepdims=True) for x in (plain.astype(float), other.astype(float)))
    return float((np.exp(ours) * (ours - theirs)).sum(1).mean())


def part_of(module: str, config: Mapping[str, Any]) -> str:
    """`layer 3 attention`, `layer 3 ffn` or `head` for the dotted name of a linear layer."""
    family = FAMILIES[config["model_type"]]
    prefix = f"{family.base}.{family.layers}."
    if not module.startswith(prefix):
        return "head"
    number, _, inside = module.removeprefix(prefix).partition(".")
    attention = inside in (family.query, family.key, family.value, family.output)
    return f"layer {number} {'attention' if attention else 'ffn'}"
