"""Static INT8 with some layers in floats. All graphs are of one calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize


def partly(config: Int8Static, given: QuantizeInputs) -> Partly:
    """Calibrates. The classifier's head is no layer of it."""
    assert given.tokens is not None
    source = given.parent / "model.onnx"
    model = read_graph(source)
    floats = skipped(model, config.skip)
    batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
    ranges = input_ranges(checkpoint.load(given.parent), batches, config)

    def write(layers: Sequence[str], target: Path) -> None:
        quantize(source, target, config.model_copy(update={"skip": [*config.skip, *layers]}), ranges)

    return Partly([layer.module for layer in linear_layers(model) if layer.node.name not in floats], write)
