"""The graph of `int8_compact`, in which a function of its own makes the weights of linear layers from packed codes.

It reads constants alone, so the runtime computes it once, when it loads the model, and its integer products find constant weights. Until all
are made the runtime keeps what lies between, so every step has one byte for each weight.
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
from edgemin.methods.schemes.few_bits.groups import pack as pack_bits
from edgemin.methods.schemes.few_bits.in_onnxruntime import Scales
from edgemin.methods.schemes.int8_compact import in_onnxruntime as int8_compact
from edgemin.methods.schemes.int8_packed import Int8Packed
from edgemin.methods.schemes.int8_packed.moments import second_moments
from edgemin.methods.schemes.int8_packed.rounding import Packed, pack
from edgemin.methods.schemes.int8_static.in_onnxruntime import FULL, REDUCED

DOMAIN, FUNCTION = "edgemin", "Unpack"
"""A function that the graph itself defines: the runtime needs not know it."""
PIECES = {4: (4,), 3: (2, 1), 2: (2,)}
"""Bits of a code -> numbers of bits that bytes are packed with, the lowest first."""


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
    return ranges, {
        module: pack(weight, moments.get(module), config.bits, config.group, largest_of(config), config.per_channel)
        for module, weight in layers.items()
    }


def largest_of(config: Int8Packed) -> int:
    """The largest integer of a weight."""
    return REDUCED if config.reduce_range else FULL


def quantize(
    floats: Any,
    target: Path,
    config: Int8Packed,
    ranges: Mapping[str, Range],
    weights: Mapping[str, Packed],
    scales: Scales | None = None,
) -> None:
    """floats: a ModelProto as exported. Writes the quantized one to `target`. ranges, weights: as of `calibrated`. scales: of tables, as of
    `few_bits.quantize`."""
    import onnx

    left = skipped(floats, config.skip)
    names = {layer.weight: weights[layer.module] for layer in linear_layers(floats) if layer.node.name not in left}
    int8_compact.quantize(floats, target, config.compact, ranges, scales)
    model = read_graph(target)
    model.functions.append(_function(config.bits))
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
    groups = packed.multipliers.shape[1]
    padded = np.pad(packed.codes, ((0, 0), (0, groups * packed.group - inputs)))
    codes = (padded.astype(np.int16) + 2 ** (packed.bits - 1)).astype(np.uint8).ravel()
    constants = {
        **{name: pack_bits(codes >> start & 2**bits - 1, bits)[:, None] for name, start, bits in _pieces(packed.bits)},
        "shape": np.array([outputs * groups, packed.group, 1], np.int64),
        "multipliers": packed.multipliers.reshape(-1, 1, 1),
        "rows": np.array([outputs, -1], np.int64),
        "inputs": np.array([inputs], np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(values, f"{weight}_{name}") for name, values in constants.items())
    model.graph.node.insert(0, helper.make_node(FUNCTION, [f"{weight}_{name}" for name in constants], [made], domain=DOMAIN))


def _pieces(bits: int) -> list[tuple[str, int, int]]:
    """Name of a piece of the codes, its first bit, how many it has."""
    found, start = [], 0
    for count in PIECES[bits]:
        found.append((f"codes{start}", start, count))
        start += count
    return found


def _function(bits: int) -> Any:
    """(pieces of the codes, shape, multipliers, rows, inputs) -> int8 (inputs, outputs). A group is a matrix of one column, its multiplier one of one
    value: their integer product is rounded and has one byte for each weight, unlike a product of numbers one by one."""
    from onnx import TensorProto, helper, numpy_helper

    constants: dict[str, Any] = {
        "middle": np.int8(2 ** (bits - 1)),
        "step": np.float32(2 ** (1 - bits)),
        "none": np.int8(0),
        "unit": np.float32(1),
        "zero": np.zeros(1, np.int64),
        "one": np.ones(1, np.int64),
    }
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = []
    codes = ""
    for name, start, count in _pieces(bits):
        constants[f"{name}_places"] = np.arange(0, 8, count, dtype=np.uint8)
        constants[f"{name}_mask"] = np.uint8(2**count - 1)
        steps += [
            ("BitShift", [name, f"{name}_places"], f"{name}_shifted", {"direction": "RIGHT"}),
            ("BitwiseAnd", [f"{name}_shifted", f"{name}_mask"], f"{name}_each", {}),
            ("Reshape", [f"{name}_each", "shape"], f"{name}_grouped", {}),
        ]
        part = f"{name}_grouped"
        if codes:
            constants[f"{name}_start"] = np.uint8(start)
            steps += [
                ("BitShift", [part, f"{name}_start"], f"{name}_raised", {"direction": "LEFT"}),
                ("BitwiseOr", [codes, f"{name}_raised"], f"{name}_joined", {}),
            ]
            part = f"{name}_joined"
        codes = part
    steps += [
        ("Cast", [codes], "signed", {"to": TensorProto.INT8}),
        ("QLinearMatMul", ["signed", "step", "middle", "multipliers", "unit", "none", "unit", "none"], "integers", {}),
        ("Reshape", ["integers", "rows"], "padded", {}),
        ("Slice", ["padded", "zero", "inputs", "one"], "matrix", {}),
        ("Transpose", ["matrix"], "weights", {"perm": [1, 0]}),
    ]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value)))
        for name, value in constants.items()
    ]
    nodes += [helper.make_node(op, read, [result], **attributes) for op, read, result, attributes in steps]
    names = [*(name for name, _, _ in _pieces(bits)), "shape", "multipliers", "rows", "inputs"]
    return helper.make_function(DOMAIN, FUNCTION, names, ["weights"], nodes, [helper.make_opsetid("", 20)])
