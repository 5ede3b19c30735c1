"""What quantized graphs answer by their own definition, whatever the processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from edgemin.core.machine import cpu_flags
from edgemin.runtimes.openvino.package import openvino
from edgemin.runtimes.openvino.run import own_signal_stack
from edgemin.study.runtime import open_model

VNNI = {"avx512_vnni", "avx_vnni"}
Inputs = Mapping[str, np.ndarray]


class MatMulIntegerToFloat(OpRun):
    """ONNX Runtime's own operator, by its documentation: (A - zero) (B - zero) · scale A · scale B + bias."""

    op_domain = "com.microsoft"

    def _run(self, a, b, a_scale, b_scale, a_zero, b_zero, bias=None):  # type: ignore[no-untyped-def]
        product = (a.astype(np.int32) - a_zero) @ (b.astype(np.int32) - b_zero)
        found = product.astype(np.float32) * (a_scale * b_scale)
        return ((found if bias is None else found + bias).astype(np.float32),)


def answers(folder: Path, inputs: Inputs) -> dict[str, np.ndarray]:
    """Logits of a folder's model.onnx by onnx's reference; and by ONNX Runtime, where the processor is exact."""
    with np.errstate(divide="ignore", invalid="ignore"):  # MPNet takes the logarithm of distances of 0 too, and does not use it
        found = ReferenceEvaluator(onnx.load(folder / "model.onnx"), new_ops=[MatMulIntegerToFloat]).run(
            ["logits"], dict(inputs)
        )[0]
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
    return {runtime: open_model(folder, runtime, 1)(dict(inputs))} if exact_processor() else {}


def exact_processor() -> bool:
    """Whether sums of products of eight bits are what they should be: with AVX2 and without VNNI two of them saturate."""
    flags = set(cpu_flags())
    return "avx2" not in flags or bool(flags & VNNI)
