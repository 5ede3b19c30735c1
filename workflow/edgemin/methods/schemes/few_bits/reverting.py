"""Few bits, with some linear layers in floats. Tables are as without `revert`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.graphs import heads, linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.few_bits import FewBits
from edgemin.methods.schemes.few_bits.in_onnxruntime import quantize


def partly(config: FewBits, given: QuantizeInputs) -> Partly:
    source = given.parent / "model.onnx"
    model = read_graph(source)
    floats = skipped(model, config.skip)
    layers = [layer.module for layer in (*linear_layers(model), *heads(model)) if layer.node.name not in floats]

    def write(kept: Sequence[str], target: Path) -> None:
        quantize(source, target, config.model_copy(update={"skip": [*config.skip, *kept]}))

    return Partly(layers, write)
