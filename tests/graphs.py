"""What quantized graphs answer by their own definition, whatever the processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from edgemin.core.machine import cpu_flags
from edgemin.runtimes.openvino.package import openvino
from edgemin.runtimes.openvino.run import own_signal_stack
from edgemin.study.runtime import open_model

VNNI = {"avx512_vnni", "avx_vnni"}
Inputs = Mapping[str, np.ndarray]


def answers(folder: Path, inputs: Inputs) -> dict[str, np.ndarray]:
    """Logits of a folder's model.onnx by onnx's reference; and by ONNX Runtime, where the processor is exact."""
    with np.errstate(divide="ignore", invalid="ignore"):  # MPNet takes the logarithm of distances of 0 too, and does not use it
        found = ReferenceEvaluator(onnx.load(folder / "model.onnx")).run(["logits"], dict(inputs))[0]
    return {"reference": found, **_run(folder, "onnxruntime", inputs)}


def openvino_answers(folder: Path, inputs: Inputs) -> dict[str, np.ndarray]:
    """Logits of a folder's model.xml, computed in floats as it is written; and in integers, where the processor is exact."""
    in_floats = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": False}
    with own_signal_stack():
        program = openvino().Core().compile_model(folder / "model.xml", "CPU", in_floats)
    names = {name for port in program.inputs for name in port.get_names()}
    found = np.array(program({name: inputs[name] for name in names})[0])
    return {"reference": found, **_run(folder, "openvino", inputs)}


def _run(folder: Path, runtime: str, inputs: Inputs) -> dict[str, np.ndarray]:
    """With AVX2 alone, the sum of two products of eight bits saturates."""
    flags = set(cpu_flags())
    exact = "avx2" not in flags or bool(flags & VNNI)
    return {runtime: open_model(folder, runtime, 1)(dict(inputs))} if exact else {}
