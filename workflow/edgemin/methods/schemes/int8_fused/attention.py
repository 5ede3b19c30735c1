"""Attention of static INT8 as one node: QAttention of ONNX Runtime multiplies once for queries, keys and values, and needs no copies to split heads.

Weights stay in the file under their names, and are put side by side by Concat, which the runtime does once, as it loads the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemin.methods.schemes.int8_fused.first_token import TO_HEADS
from edgemin.methods.schemes.int8_fused.padding import INPUT, MASK
from edgemin.methods.schemes.int8_fused.view import View, attribute, put

LOWEST = float(np.finfo(np.float32).min)
TO_KEYS = [0, 2, 3, 1]
"""(batch, length, heads, width of a head) to keys as the second factor: (batch, heads, width of a head, length)."""
INTEGERS, WEIGHT, INPUT_SCALE, SCALE, INPUT_ZERO, ZERO, BIAS = range(7)
"""Inputs of MatMulIntegerToFloat."""


@dataclass(frozen=True)
class Attention:
    """Self-attention as a graph has it."""

    linear: Sequence[Any]
    """MatMulIntegerToFloat of queries, keys, values."""
    heads: int
    output: Any
    """The node whose output has the heads side by side."""


def fuse(model: Any) -> int:
    """Replace every attention that QAttention can compute, in place; returns how many those were. Others stay."""
    from onnx import TensorProto, helper

    view = View(model)
    found = [one for node in model.graph.node if node.op_type == "Softmax" and (one := _attention(view, node))]
    new: dict[str, list[Any]] = {one.output.output[0]: _nodes(model, view, one) for one in found}
    cast = [helper.make_node("Cast", [INPUT], [f"{MASK}_int32"], to=TensorProto.INT32)]
    nodes = [each for node in model.graph.node for each in new.get(node.output[0], [node])]
    put(model, [*cast, *nodes])
    return len(found)


def _attention(view: View, softmax: Any) -> Attention | None:
    """softmax(Q Kᵀ / √width + mask of padding) V, with Q, K and V of one input in integers; None for anything else."""
    masked = view.maker(softmax.input[0], "Add")
    if masked is None or MASK not in masked.input:
        return None
    scaled = view.maker(_other(masked.input, MASK), "Mul", "Div")
    product = scaled and next((view.maker(name, "MatMul") for name in scaled.input if view.maker(name, "MatMul")), None)
    context = _reader(view, softmax.output[0], "MatMul")
    back = context and _reader(view, context.output[0], "Transpose")
    output = back and _reader(view, back.output[0], "Reshape")
    if product is None or output is None or attribute(back, "perm") != TO_HEADS:
        return None
    sides = [(product.input[0], TO_HEADS), (product.input[1], TO_KEYS), (context.input[1], TO_HEADS)]
    found = [_linear(view, name, perm) for name, perm in sides]
    parts = [one for one in found if one is not None]
    if len(parts) < 3 or not _alike(view, parts):
        return None
    width, size = _size(view, parts[0][0]), parts[0][1]
    factor = view.constant(_other(scaled.input, product.output[0]))
    if size <= 0 or width % size or factor is None or factor.size != 1:
        return None
    factor = float(factor) if scaled.op_type == "Mul" else 1 / float(factor)
    return Attention([one for one, _ in parts], width // size, output) if np.isclose(factor, size**-0.5, rtol=1e-5) else None


def _linear(view: View, name: str, perm: Sequence[int]) -> tuple[Any, int] | None:
    """The linear layer behind queries, keys or values that are split into heads, and the width of a head."""
    moved = view.maker(name, "Transpose")
    split = moved is not None and attribute(moved, "perm") == list(perm) and view.maker(moved.input[0], "Reshape")
    layer = split and view.maker(split.input[0], "MatMulIntegerToFloat")
    shape = view.made.get(split.input[1]) if split else None
    if not layer or len(layer.input) <= BIAS or shape is None or shape.op_type != "Concat" or len(shape.input) != 4:
        return None
    size = view.constant(shape.input[3])
    return None if size is None else (layer, int(size[0]))


def _alike(view: View, parts: Sequence[tuple[Any, int]]) -> bool:
    """Whether they read the same integers, and are equally wide."""
    layers = [layer for layer, _ in parts]
    reads = {tuple(layer.input[at] for at in (INTEGERS, INPUT_SCALE, INPUT_ZERO)) for layer in layers}
    return len(reads) == len({(_size(view, layer), size) for layer, size in parts}) == 1


def _size(view: View, layer: Any) -> int:
    """Outputs of a linear layer."""
    return int(view.tensors[layer.input[WEIGHT]].dims[1])


def _nodes(model: Any, view: View, one: Attention) -> list[Any]:
    from onnx import helper

    first, output = one.linear[0], one.output.output[0]
    joined = {at: f"{output}_{word}" for at, word in _JOINED.items()}
    for layer in one.linear:
        for at in (SCALE, ZERO):
            _widen(view.tensors[layer.input[at]], _size(view, layer))
    concats = [
        helper.make_node("Concat", [layer.input[at] for layer in one.linear], [name], axis=1 if at == WEIGHT else 0)
        for at, name in joined.items()
    ]
    read = [first.input[INTEGERS], joined[WEIGHT], joined[BIAS], first.input[INPUT_SCALE], joined[SCALE], f"{MASK}_int32"]
    fused = helper.make_node(
        "QAttention",
        [*read, first.input[INPUT_ZERO], joined[ZERO]],
        [output],
        name=f"{output}_attention",
        domain="com.microsoft",
        num_heads=one.heads,
        mask_filter_value=LOWEST,
    )
    return [*concats, fused]


_JOINED: Mapping[int, str] = {WEIGHT: "weights", SCALE: "scales", ZERO: "zero_points", BIAS: "biases"}


def _widen(tensor: Any, size: int) -> None:
    """One value for each output, where there is one for all."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor)
    if values.ndim == 0:
        tensor.CopyFrom(numpy_helper.from_array(np.full(size, values, values.dtype), tensor.name))


def _other(names: Sequence[str], one: str) -> str:
    return names[1] if names[0] == one else names[0]


def _reader(view: View, name: str, operator: str) -> Any:
    """The only node that reads a tensor, if it is of this operator; else None."""
    readers = view.readers(name)
    return readers[0] if len(readers) == 1 and readers[0] is not None and readers[0].op_type == operator else None
