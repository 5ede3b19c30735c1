"""Static INT8 for ONNX Runtime: the weights and the input range of each linear layer are fixed ahead.

A linear layer becomes MatMulIntegerToFloat, ONNX Runtime's integer product with scales and bias in one node. QuantizeLinear before it
serves all layers that read the same tensor. The standard form, a product between DequantizeLinear nodes, becomes the same node in the
runtime, but its bias stays a sum of its own: one more pass over every output.

Weights are symmetric, max|w| / 127 (or 64) per output column or per matrix. Activations are uint8; zero is exactly representable. The
classifier's head (Gemm: one token a sentence) stays in fp32: it takes next to no time, and a dynamic one would read ranges that span the
batch.
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
from edgemin.methods.quantize.graphs import (
    Constant,
    bias_of,
    contrib,
    linear_layers,
    quantizing,
    read_graph,
    replace,
    skipped,
)
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.int8_static import Int8Static

FULL, REDUCED = 127, 64
"""The largest code of a weight. 2 · 255 · 64 < 2^15: a sum of two products of reduced ones fits into 16 bits, which AVX2 has for it."""


def quantize_folder(config: Int8Static, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for the ranges, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    with quantizing(given, given.tokens) as target:
        skipped(read_graph(given.parent / "model.onnx"), config.skip)
        batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
        ranges = input_ranges(checkpoint.load(given.parent), batches, config)
        quantize(given.parent / "model.onnx", target, config, ranges)


def quantize(source: Path, target: Path, config: Int8Static, ranges: Mapping[str, Range]) -> None:
    """Read the float graph `source`, write the quantized one to `target`. ranges: of the input of each linear layer, by module.

    Raises EdgeminError for a layer without a range, and for a `skip` that names no linear layer.
    """
    import onnx

    model = read_graph(source)
    floats = skipped(model, config.skip)
    quantized: dict[str, list[str]] = {}  # input tensor -> the same in integers, its scale, its zero point
    for layer in linear_layers(model):
        if layer.node.name in floats:
            continue
        if layer.module not in ranges:
            raise EdgeminError(f"{source}: no calibration for {layer.weight}; export the model again")
        _quantize_layer(model, layer, ranges[layer.module], config, quantized)
    contrib(model)
    if config.embeddings:
        quantize_model(model, target, ["Gather"], config.per_channel)
    else:
        onnx.save(model, target)


def activation_parameters(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero point of uint8 for [low, high], widened to hold 0, which is met exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255 or 1.0)
    return scale, np.uint8(np.clip(round(-low / float(scale)), 0, 255))


def weight_parameters(values: np.ndarray, per_channel: bool, reduce_range: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(in, out) float32 -> int8 of the same shape and scales, (out,) or a scalar: max|w| / 127, or 64 in a reduced range."""
    largest = REDUCED if reduce_range else FULL
    scale = np.abs(values).max(0 if per_channel else None) / np.float32(largest)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(values / scale), -largest, largest).astype(np.int8), scale


def _quantize_layer(model: Any, layer: Constant, span: Range, config: Int8Static, quantized: dict[str, list[str]]) -> None:
    from onnx import helper, numpy_helper

    x, name = layer.node.input[0], layer.weight
    nodes, tensors = [], []

    def constant(name: str, value: Any) -> str:
        tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    if x not in quantized:
        scale, zero = activation_parameters(*span)
        parameters = [constant(f"{x}_scale", scale), constant(f"{x}_zero_point", zero)]
        nodes.append(helper.make_node("QuantizeLinear", [x, *parameters], [f"{x}_quantized"]))
        quantized[x] = [f"{x}_quantized", *parameters]
    integers, x_scale, x_zero = quantized[x]
    codes, weight_scale = weight_parameters(layer.values, config.per_channel, config.reduce_range)
    weight = constant(f"{name}_quantized", codes)
    scale_name = constant(f"{name}_scale", weight_scale)
    zero_name = constant(f"{name}_zero_point", np.zeros_like(weight_scale, dtype=np.int8))
    bias, outputs, added = bias_of(model, layer)
    nodes.append(
        helper.make_node(
            "MatMulIntegerToFloat",
            [integers, weight, x_scale, scale_name, x_zero, zero_name, *bias],
            outputs,
            name=layer.node.name,
            domain="com.microsoft",
        )
    )
    replace(model, layer, nodes, tensors, without=added)
