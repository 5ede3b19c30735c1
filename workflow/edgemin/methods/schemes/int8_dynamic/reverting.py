"""Dynamic INT8 with some layers in floats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.graphs import heads, linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize


def partly(config: Int8Dynamic, given: QuantizeInputs) -> Partly:
    source = given.parent / "model.onnx"
    model = read_graph(source)
    floats = skipped(model, config.skip)

    def write(layers: Sequence[str], target: Path) -> None:
        quantize(source, target, config.model_copy(update={"skip": [*config.skip, *layers]}))

    return Partly([layer.module for layer in (*linear_layers(model), *heads(model)) if layer.node.name not in floats], write)
