"""How far cuts to a time can go on this machine: the teacher whole and at its smallest, of random weights, in the runtime that will answer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgemin.compressing.encoder import Encoder
from edgemin.compressing.sizes import Sizes
from edgemin.compressing.timing import random_model
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.encoders.checkpoint import quiet_transformers
from edgemin.encoders.onnx_export import export
from edgemin.measure.latency import Call, take_turns
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize
from edgemin.study.family import family_of
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model

RUNTIME = "onnxruntime"
PROTOCOL = Latency(rounds=1, warmup=10, calls=200, seconds=1.0, minimum_calls=20, blocks=10)
"""Of each of the three models."""


@dataclass(frozen=True)
class Speeds:
    """Times as fast as the float teacher, one text at a time."""

    whole: float
    """All of it in dynamic INT8."""
    smallest: float
    """And with one head and no neuron in all of its layers: no cut is faster."""

    def kept(self, speedup: float) -> float:
        """Share of heads and neurons that a cut to a speed-up keeps, about: what is above the smallest model's time is taken to be linear in them."""
        rest = 1 / self.smallest
        return (1 / speedup - rest) / (1 / self.whole - rest)


def measure(encoder: Encoder, tokens: int) -> Speeds:
    """Takes some ten seconds. tokens: of a text."""
    quiet_transformers()
    sizes = encoder.sizes
    layers = len(sizes.heads)
    smallest = replace(sizes, heads=(1,) + (0,) * (layers - 1), neurons=(0,) * layers)
    shapes = {"teacher": (sizes, False), "whole": (sizes, True), "smallest": (smallest, True)}
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as scratch:
            calls = {name: _call(encoder, shape, Path(scratch, name), int8, tokens) for name, (shape, int8) in shapes.items()}
            timed = {name: float(np.median(seconds)) for name, seconds in take_turns(calls, [0], PROTOCOL).items()}
    finally:
        torch.set_num_threads(before)
    return Speeds(timed["teacher"] / timed["whole"], timed["teacher"] / timed["smallest"])


def _call(encoder: Encoder, sizes: Sizes, folder: Path, int8: bool, tokens: int) -> Call:
    """One answer of a model of these sizes."""
    folder.mkdir()
    model, graph = random_model(encoder, sizes), folder / "model.onnx"
    export(model, graph)
    if int8:
        graph.rename(folder / "float.onnx")
        quantize(folder / "float.onnx", graph, Int8Dynamic(backend=RUNTIME))
    write_provenance(folder, spec={}, name=EXPORT_PROVENANCE)
    run, inputs = open_model(folder, RUNTIME, 1), _inputs(model.config, tokens)
    return lambda _: run(inputs)


def _inputs(config: Any, tokens: int) -> dict[str, np.ndarray]:
    """Random ids, int64 (1, tokens)."""
    ids = np.random.default_rng(0).integers(2, config.vocab_size, (1, tokens), dtype=np.int64)
    values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return {name: values[name] for name in family_of(config).inputs}
