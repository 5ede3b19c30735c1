"""Static INT8 beside embeddings of four bits, with some linear layers in floats. All graphs are of one calibration, with the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int4_static.in_onnxruntime import quantize
from edgemin.methods.schemes.int8_static.reverting import calibrated


def partly(config: Int4Static, given: QuantizeInputs) -> Partly:
    """Calibrates. The classifier's head is no layer of it."""
    layers, ranges = calibrated(config.linear, given)

    def write(floats: Sequence[str], target: Path) -> None:
        quantize(given.parent / "model.onnx", target, config.skipping(floats), ranges)

    return Partly(layers, write)
