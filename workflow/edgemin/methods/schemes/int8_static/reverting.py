"""Static INT8 with some layers in floats. All graphs are of one calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize


def partly(config: Int8Static, given: QuantizeInputs) -> Partly:
    """Calibrates. The classifier's head is no layer of it."""
    layers, ranges = calibrated(config, given)

    def write(floats: Sequence[str], target: Path) -> None:
        quantize(given.parent / "model.onnx", target, skipping(config, floats), ranges)

    return Partly(layers, write)


def calibrated(config: Int8Static, given: QuantizeInputs) -> tuple[list[str], Mapping[str, Range]]:
    """The linear layers that are quantized, and the ranges of all."""
    assert given.tokens is not None
    model = read_graph(given.parent / "model.onnx")
    floats = skipped(model, config.skip)
    batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
    layers = [layer.module for layer in linear_layers(model) if layer.node.name not in floats]
    return layers, input_ranges(checkpoint.load(given.parent), batches, config)


def skipping(config: Int8Static, floats: Sequence[str]) -> Int8Static:
    """With these layers left out too."""
    return config.model_copy(update={"skip": [*config.skip, *floats]})
