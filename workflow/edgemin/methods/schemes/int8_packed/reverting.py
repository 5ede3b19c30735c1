"""Packed INT8 with some linear layers in floats. All graphs are of one calibration; the head is no layer of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.graphs import read_graph
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_packed import Int8Packed
from edgemin.methods.schemes.int8_packed.in_onnxruntime import calibrated, quantize


def partly(config: Int8Packed, given: QuantizeInputs) -> Partly:
    """Calibrates."""
    ranges, weights = calibrated(config, given)

    def write(kept: Sequence[str], target: Path) -> None:
        quantize(read_graph(given.parent / "model.onnx"), target, config.skipping(kept), ranges, weights)

    return Partly(list(weights), write)
