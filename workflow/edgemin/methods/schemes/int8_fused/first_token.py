"""What the classifier does not read of the last layer is not computed.

It reads one token. Backwards from there, whatever treats each token by itself needs that one alone: LayerNorm, FFN, residual sums, the output of attention,
its queries. Keys and values, and so all layers before, need all tokens. Of three layers a quarter of the work is left out, and every number that is
left is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgemin.methods.schemes.int8_fused.padding import MASK
from edgemin.methods.schemes.int8_fused.view import View, attribute, constant, put

EACH = ("Gelu", "Erf", "Tanh", "Relu", "Sigmoid", "Sqrt", "Identity")
"""Of one input, value by value."""
TOGETHER = ("Add", "Sum", "Mul", "Div", "Sub", "Pow")
"""Of several inputs, value by value."""
TO_HEADS = [0, 2, 1, 3]
"""(batch, length, heads, width of a head) to (batch, heads, length, width of a head), and back."""


def only(model: Any) -> bool:
    """Compute the first token alone where it alone is read, in place. False: nowhere."""
    view = View(model)
    chosen = [node for node in model.graph.node if _chooses(view, node)]
    along = _walk(view, model.graph.node, chosen)
    if not along:
        return False
    _rewrite(model, view, along)
    return True


def _chooses(view: View, node: Any) -> bool:
    """Whether it takes the first token of hidden states."""
    if node.op_type != "Gather" or attribute(node, "axis") != 1:
        return False
    index = view.constant(node.input[1])
    return index is not None and index.ndim == 0 and int(index) == 0


def _walk(view: View, nodes: Sequence[Any], chosen: Sequence[Any]) -> dict[str, list[int]]:
    """Output -> the inputs that run along the tokens, of every node of which only the first token is wanted; without those `chosen`."""
    along = {node.output[0]: [0] for node in chosen}
    for node in reversed(nodes):
        name = node.output[0]
        if name in along or not view.readers(name):
            continue
        if all(
            reader is not None
            and reader.output[0] in along
            and all(at in along[reader.output[0]] for at, read in enumerate(reader.input) if read == name)
            for reader in view.readers(name)
        ):
            inputs = _along(view, node)
            if inputs:
                along[name] = inputs
    return {name: inputs for name, inputs in along.items() if not any(name == node.output[0] for node in chosen)}


def _along(view: View, node: Any) -> list[int]:
    """Positions of the inputs that run along the tokens of the output, one to one; none if that is not known of it."""
    kind = node.op_type
    if kind in EACH or (kind in ("LayerNormalization", "Softmax") and attribute(node, "axis") == -1):
        return [0]
    if kind == "MatMul":
        left, right = (view.constant(name) for name in node.input)
        return [0] if left is None and (right is None or right.ndim == 2) else []
    if kind in TOGETHER:
        alike = [_alike(view, name) for name in node.input]
        return [at for at, one in enumerate(alike) if not one] if None not in alike else []
    if kind == "Transpose" and attribute(node, "perm") == TO_HEADS:
        before = view.made.get(node.input[0])
        split = before is not None and before.op_type == "Reshape"
        return [0] if not split or (view.maker(node.input[0], "Reshape") and _along(view, before)) else []
    return [0] if kind == "Reshape" and _shape(view, node) is not None else []


def _alike(view: View, name: str) -> bool | None:
    """Whether a tensor says the same to every token: False for one that is computed, None for a constant of more than one axis."""
    values, made = view.constant(name), view.made.get(name)
    if made is not None and made.op_type == "ConstantOfShape":  # the zeros of a block that was cut out
        shape = view.constant(made.input[0])
        return shape is not None and shape.size <= 1
    return False if values is None else True if values.ndim <= 1 else None


def _shape(view: View, node: Any) -> list[int] | None:
    """What a Reshape makes of hidden states, with one token: (batch, 1, heads, width of a head); or of heads, (batch, 1, width)."""
    made = view.made.get(node.input[1])
    if made is None or made.op_type != "Concat":
        return None
    pieces = [view.constant(name) for name in made.input]
    rest = [int(piece[0]) for piece in pieces[2:] if piece is not None and piece.shape == (1,)]
    if pieces[:2] != [None, None] or len(rest) != len(pieces) - 2:
        return None
    joins = view.maker(node.input[0], "Transpose") is not None
    return [0, 1, *rest] if rest and len(rest) == (1 if joins else 2) else None


def _rewrite(model: Any, view: View, along: dict[str, list[int]]) -> None:
    from onnx import helper

    first = [constant(model, f"first_token_{name}", np.array([at], np.int64)) for name, at in _SLICE.items()]
    nodes: list[Any] = []
    cut: set[str] = set()
    for node in model.graph.node:
        for at in along.get(node.output[0], []):
            name = node.input[at]
            if name in along or name == MASK:  # the mask has one row for all
                continue
            if name not in cut:
                nodes.append(helper.make_node("Slice", [name, *first], [f"{name}_first"], name=f"{name}_first"))
                cut.add(name)
            node.input[at] = f"{name}_first"
        if node.op_type == "Reshape" and node.output[0] in along:
            shape = _shape(view, node)
            node.input[1] = constant(model, f"{node.output[0]}_shape", np.array(shape, np.int64))
            del node.attribute[:]  # a 0 in the shape stands for the batch as it is
        nodes.append(node)
    put(model, nodes)


_SLICE = {"start": 0, "end": 1, "axis": -2}
"""The first along the axis before the last: tokens of hidden states (batch, length, width), queries of scores (batch, heads, length, length)."""
