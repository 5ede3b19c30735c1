"""Which parts of a model suffer from INT8: each is quantized alone, all others staying floats, and judged on validation."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.files import read_json
from edgemin.core.provenance import EXPORT_PROVENANCE, check_provenance
from edgemin.data.drawn import at, drawn
from edgemin.data.tokens import Tokens
from edgemin.measure.quality import predict
from edgemin.methods.quantize.dynamic import quantize_model
from edgemin.methods.quantize.graphs import linear_layers, read_graph, split_gemms
from edgemin.runtimes.onnxruntime.run import open_graph
from edgemin.study.family import Family, family_of
from edgemin.study.kind import kind_of


def scan(parent: Path, validation: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """For each part (`embeddings`, `layer 0 attention`, …, `head`; and `all`) quantized alone: the metric, and the divergence of dynamic
    INT8 from the floats. Reads `sentences` of validation, drawn at random, one per call. validation: file of tokens. spec: sentences, metric,
    threads."""
    check_provenance(parent, "model.onnx", name=EXPORT_PROVENANCE)
    judge = kind_of(spec).scores()
    every = Tokens.read(validation, parent)
    tokens = at(every, drawn(len(every), spec["sentences"]))
    score, labels = judge.score(spec["metric"]), judge.gold(tokens.column("label"))

    def answers(graph: Path) -> np.ndarray:
        return predict(open_graph(graph, spec["threads"]), tokens, batch_size=1)

    plain = answers(parent / "model.onnx")
    model = read_graph(parent / "model.onnx")
    split_gemms(model)
    points = []
    with tempfile.TemporaryDirectory() as folder:
        for part, skipped in _skipped(model, family_of(read_json(parent / "config.json"))).items():
            started, graph = time.monotonic(), Path(folder) / "model.onnx"
            operators = [*(["MatMul"] if part != "embeddings" else []), *(["Gather"] if part in ("embeddings", "all") else [])]
            quantize_model(copy.deepcopy(model), graph, operators, per_channel=True, skipped=skipped)
            logits = answers(graph)
            point = {"part": part, "value": score(labels, logits), "divergence": judge.divergence(plain, logits)}
            points.append({**point, "seconds": round(time.monotonic() - started, 2)})
    return {"metric": spec["metric"], "sentences": len(tokens), "float": score(labels, plain), "points": points}


def _skipped(model: Any, family: Family) -> dict[str, list[str]]:
    """Part -> names of the nodes that stay floats when it alone is quantized."""
    parts: dict[str, list[str]] = {}
    for layer in linear_layers(model):
        parts.setdefault(family.part_of(layer.module), []).append(layer.node.name)
    everything = [node for nodes in parts.values() for node in nodes]
    alone = {part: [node for node in everything if node not in nodes] for part, nodes in parts.items()}
    return {"embeddings": everything, **alone, "all": []}
