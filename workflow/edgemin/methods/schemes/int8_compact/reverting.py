"""Compact INT8 with some linear layers in floats. All graphs are of one calibration; the head is no layer of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.graphs import read_graph
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_compact import Int8Compact
from edgemin.methods.schemes.int8_compact.in_onnxruntime import quantize
from edgemin.methods.schemes.int8_static.reverting import calibrated


def partly(config: Int8Compact, given: QuantizeInputs) -> Partly:
    """Calibrates."""
    layers, ranges = calibrated(config.layers.linear, given)

    def write(kept: Sequence[str], target: Path) -> None:
        quantize(read_graph(given.parent / "model.onnx"), target, config.skipping(kept), ranges)

    return Partly(layers, write)
