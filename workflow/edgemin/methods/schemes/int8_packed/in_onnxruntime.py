"""The graph of `int8_compact`, in which a function of standard operators makes the weights of linear layers from packed codes.

It reads constants alone, so the runtime computes it once, when it loads the model, and its integer products find constant weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import linear_layers, quantizing, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.few_bits.groups import planes
from edgemin.methods.schemes.int8_compact import in_onnxruntime as int8_compact
from edgemin.methods.schemes.int8_packed import Int8Packed
from edgemin.methods.schemes.int8_packed.moments import second_moments
from edgemin.methods.schemes.int8_packed.rounding import Packed, pack
from edgemin.methods.schemes.int8_static.in_onnxruntime import FULL, REDUCED

DOMAIN, FUNCTION = "edgemin", "Unpack"
"""A function that the graph itself defines: no runtime needs to know it."""


def quantize_folder(config: Int8Packed, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for ranges and moments, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    with quantizing(given, given.tokens) as target:
        ranges, weights = calibrated(config, given)
        quantize(read_graph(given.parent / "model.onnx"), target, config, ranges, weights)


def calibrated(config: Int8Packed, given: QuantizeInputs) -> tuple[Mapping[str, Range], Mapping[str, Packed]]:
    """By module: ranges of what all linear layers read, and the weights of those that are quantized."""
    assert given.tokens is not None
    graph = read_graph(given.parent / "model.onnx")
    floats = skipped(graph, config.skip)
    layers = {layer.module: layer.values.T for layer in linear_layers(graph) if layer.node.name not in floats}
    batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
    model = checkpoint.load(given.parent)
    ranges = input_ranges(model, batches, config.compact.layers.linear)
    if missing := [module for module in layers if module not in ranges]:
        raise EdgeminError(f"{given.parent / 'model.onnx'}: no calibration for {missing[0]}; export the model again")
    moments = second_moments(model, batches, layers) if config.rounding == "gptq" else {}
    largest = REDUCED if config.reduce_range else FULL
    return ranges, {
        module: pack(weight, moments.get(module), config.bits, config.group, largest, config.per_channel)
        for module, weight in layers.items()
    }


def quantize(floats: Any, target: Path, config: Int8Packed, ranges: Mapping[str, Range], weights: Mapping[str, Packed]) -> None:
    """floats: a ModelProto as exported. Writes the quantized one to `target`. ranges, weights: as of `calibrated`."""
    import onnx

    left = skipped(floats, config.skip)
    names = {layer.weight: weights[layer.module] for layer in linear_layers(floats) if layer.node.name not in left}
    int8_compact.quantize(floats, target, config.compact, ranges)
    model = read_graph(target)
    model.functions.append(_function(config.bits, model))
    model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    for name, packed in names.items():
        _unpack(model, name, packed)
    onnx.save(model, target)


def _unpack(model: Any, weight: str, packed: Packed) -> None:
    """Make `weight`_quantized, int8 (inputs, outputs), of constants, in place."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    made, scale = f"{weight}_quantized", tensors[f"{weight}_scale"]
    model.graph.initializer.remove(tensors[made])
    scale.CopyFrom(numpy_helper.from_array(np.broadcast_to(packed.scale, tuple(scale.dims)).copy(), scale.name))
    outputs, inputs = packed.codes.shape
    groups, middle = packed.multipliers.shape[1], 2 ** (packed.bits - 1)
    padded = np.pad(packed.codes.T, ((0, groups * packed.group - inputs), (0, 0)))
    codes = (padded.astype(np.int16) + middle).astype(np.uint8)
    constants = {
        "planes": planes(codes, packed.bits)[..., None],
        "shape": np.array([packed.bits, groups, packed.group, outputs], np.int64),
        "multipliers": packed.multipliers.T[:, None],
        "size": np.array([inputs, outputs], np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(values, f"{weight}_{name}") for name, values in constants.items())
    model.graph.node.insert(0, helper.make_node(FUNCTION, [f"{weight}_{name}" for name in constants], [made], domain=DOMAIN))


def _function(bits: int, model: Any) -> Any:
    """(planes, shape, multipliers, size) -> int8 (inputs, outputs). Each bit of a code is shifted to the top of its byte, then to the bottom."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "left": np.arange(7, -1, -1, dtype=np.uint8),
        "right": np.full(1, 7, np.uint8),
        "places": (2.0 ** np.arange(bits, dtype=np.float32) / 2 ** (bits - 1)).reshape(-1, 1, 1, 1),
        "first": np.zeros(1, np.int64),
        "one": np.ones(1, np.float32),
        "second": np.ones(1, np.int64),
        "rest": np.full(1, -1, np.int64),
    }
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("BitShift", ["planes", "left"], "raised", {"direction": "LEFT"}),
        ("BitShift", ["raised", "right"], "bit", {"direction": "RIGHT"}),
        ("Cast", ["bit"], "float", {"to": TensorProto.FLOAT}),
        ("Reshape", ["float", "shape"], "grouped", {}),
        ("Mul", ["grouped", "places"], "placed", {}),
        ("ReduceSum", ["placed", "first"], "sum", {"keepdims": 0}),
        ("Sub", ["sum", "one"], "codes", {}),
        ("Cast", ["multipliers"], "multiplier", {"to": TensorProto.FLOAT}),
        ("Mul", ["codes", "multiplier"], "products", {}),
        ("Round", ["products"], "rounded", {}),
        ("Cast", ["rounded"], "integers", {"to": TensorProto.INT8}),
        ("Gather", ["size", "second"], "outputs", {}),
        ("Concat", ["rest", "outputs"], "rows", {"axis": 0}),
        ("Reshape", ["integers", "rows"], "padded", {}),
        ("Gather", ["size", "first"], "inputs", {}),
        ("Slice", ["padded", "first", "inputs", "first"], "weights", {}),
    ]
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value)) for name, value in constants.items()]
    nodes += [helper.make_node(op, read, [result], **attributes) for op, read, result, attributes in steps]
    standard = [opset for opset in model.opset_import if opset.domain == ""]
    return helper.make_function(DOMAIN, FUNCTION, ["planes", "shape", "multipliers", "size"], ["weights"], nodes, standard)
