"""Fused static INT8 with some linear layers in floats. All graphs are of one calibration; attention with such a layer is not fused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.graphs import read_graph
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_fused import Int8Fused
from edgemin.methods.schemes.int8_fused.in_onnxruntime import quantize, rewritten
from edgemin.methods.schemes.int8_static.reverting import calibrated


def partly(config: Int8Fused, given: QuantizeInputs) -> Partly:
    """Calibrates. The classifier's head is no layer of it."""
    layers, ranges = calibrated(config.linear, given)
    floats = rewritten(read_graph(given.parent / "model.onnx"))

    def write(kept: Sequence[str], target: Path) -> None:
        quantize(floats, target, config.skipping(kept), ranges)

    return Partly(layers, write)
