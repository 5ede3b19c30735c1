"""Static INT8 for ONNX Runtime: the weights and the input range of each linear layer are fixed ahead.

The graph has QuantizeLinear and DequantizeLinear around each matrix product; the runtime fuses them into integer kernels. Weights
are symmetric, max|w| / 127 per output column or per matrix. Activations are uint8; zero is exactly representable. The classifier's
head (Gemm: one token a sentence) is dynamic INT8, because the runtime has no integer kernel for it in this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.dynamic import quantize_model
from edgemin.methods.quantize.graphs import Constant, linear_layers, quantizing, read_graph, replace, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.int8_static import Int8Static


def quantize_folder(config: Int8Static, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for the ranges, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    skipped(read_graph(given.parent / "model.onnx"), config.skip)
    batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
    ranges = input_ranges(checkpoint.load(given.parent), batches, config)
    with quantizing(given, given.tokens) as target:
        quantize(given.parent / "model.onnx", target, config, ranges)


def quantize(source: Path, target: Path, config: Int8Static, ranges: Mapping[str, Range]) -> None:
    """Read the float graph `source`, write the quantized one to `target`. ranges: of the input of each linear layer, by module.

    Raises EdgeminError for a layer without a range.
    """
    model = read_graph(source)
    floats = skipped(model, config.skip)
    quantized: dict[str, str] = {}  # input tensor -> the same, dequantized
    for layer in linear_layers(model):
        if layer.node.name in floats:
            continue
        if layer.module not in ranges:
            raise EdgeminError(f"{source}: no calibration for {layer.weight}; export the model again")
        _quantize_layer(model, layer, ranges[layer.module], config.per_channel, quantized)
    rest = ["MatMul", "Gemm", *(["Gather"] if config.embeddings else [])]
    quantize_model(model, target, rest, config.per_channel, floats)


def activation_parameters(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero point of uint8 for [low, high], widened to hold 0, which is met exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255 or 1.0)
    return scale, np.uint8(np.clip(round(-low / float(scale)), 0, 255))


def weight_parameters(values: np.ndarray, per_channel: bool) -> tuple[np.ndarray, np.ndarray]:
    """(in, out) float32 -> int8 of the same shape and scales, (out,) or a scalar: max|w| / 127."""
    scale = np.abs(values).max(0 if per_channel else None) / np.float32(127)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(values / scale), -127, 127).astype(np.int8), scale


def _quantize_layer(model: Any, layer: Constant, span: Range, per_channel: bool, quantized: dict[str, str]) -> None:
    from onnx import helper, numpy_helper

    x = layer.node.input[0]
    nodes, tensors = [], []

    def constant(name: str, value: Any) -> str:
        tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    if x not in quantized:
        scale, zero = activation_parameters(*span)
        parameters = [constant(f"{x}_scale", scale), constant(f"{x}_zero_point", zero)]
        nodes.append(helper.make_node("QuantizeLinear", [x, *parameters], [f"{x}_quantized"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{x}_quantized", *parameters], [f"{x}_dequantized"]))
        quantized[x] = f"{x}_dequantized"
    codes, scale = weight_parameters(layer.values, per_channel)
    name = layer.weight
    stored = [
        constant(f"{name}_quantized", codes),
        constant(f"{name}_scale", scale),
        constant(f"{name}_zero_point", np.zeros_like(scale, dtype=np.int8)),
    ]
    nodes.append(helper.make_node("DequantizeLinear", stored, [f"{name}_dequantized"], axis=1))
    nodes.append(helper.make_node("MatMul", [quantized[x], f"{name}_dequantized"], list(layer.node.output), name=layer.node.name))
    replace(model, layer, nodes, tensors)
