"""How far cuts to a time can go on this machine: the teacher whole and at its smallest, of random weights, in the runtime that will answer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from edgemin.compressing.branch import RUNTIME
from edgemin.compressing.encoder import Encoder
from edgemin.compressing.timing import random_model
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.checkpoint import quiet_transformers
from edgemin.encoders.onnx_export import export, random_inputs
from edgemin.measure.latency import Call, take_turns
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize
from edgemin.study.measuring import Latency
from edgemin.study.runtime import GRAPH, open_model

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
    """Takes some twenty seconds. tokens: of a text."""
    quiet_transformers()
    sizes = encoder.sizes
    layers = len(sizes.heads)
    smallest = replace(sizes, heads=(1,) + (0,) * (layers - 1), neurons=(0,) * layers)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as scratch:
            model = random_model(encoder, sizes)
            text = {name: values.numpy() for name, values in random_inputs(model, 1, tokens, seed=0).items()}
            teacher = _exported(model, Path(scratch, "teacher"))
            least = _exported(random_model(encoder, smallest), Path(scratch, "least"))
            folders = {"teacher": teacher, "whole": _in_int8(teacher), "smallest": _in_int8(least)}
            calls = {name: _on(text, folder) for name, folder in folders.items()}
            timed = {name: float(np.median(seconds)) for name, seconds in take_turns(calls, [0], PROTOCOL).items()}
    finally:
        torch.set_num_threads(before)
    return Speeds(timed["teacher"] / timed["whole"], timed["teacher"] / timed["smallest"])


def _exported(model: Classifier, folder: Path) -> Path:
    folder.mkdir()
    export(model, folder / GRAPH[0])
    write_provenance(folder, spec={}, name=EXPORT_PROVENANCE)
    return folder


def _in_int8(floats: Path) -> Path:
    folder = Path(f"{floats}-int8")
    folder.mkdir()
    quantize(floats / GRAPH[0], folder / GRAPH[0], Int8Dynamic(backend=RUNTIME))
    write_provenance(folder, spec={}, name=EXPORT_PROVENANCE)
    return folder


def _on(text: dict[str, np.ndarray], folder: Path) -> Call:
    """One answer to the text."""
    run = open_model(folder, RUNTIME, 1)
    return lambda _: run(text)
