"""The mask of padding, straight from the input: what the exporter makes of it takes twenty nodes, and a row for every query."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgemin.methods.schemes.int8_fused.view import View, constant, put

MASK = "padding_mask"
"""The tensor (batch, 1, 1, length) that is added to scores: 0 at tokens, the lowest float at padding."""
INPUT = "attention_mask"
"""The input that it is made from."""


def straighten(model: Any) -> bool:
    """Make the mask that is added to attention scores out of the input alone, in place. False: there is none that looks like it.

    That the graph's own mask meant the same is for the caller to see, by its answers.
    """
    from onnx import TensorProto, helper

    view = View(model)
    masks = [node for node in model.graph.node if node.op_type == "Where" and _hides(view, node)]
    if len(masks) != 1 or INPUT not in {given.name for given in model.graph.input}:
        return False
    old = masks[0].output[0]
    axes = constant(model, f"{MASK}_axes", np.array([1, 2], np.int64))
    straight = [
        helper.make_node("Cast", [INPUT], [f"{MASK}_bool"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", [f"{MASK}_bool", axes], [f"{MASK}_rows"]),
        helper.make_node("Where", [f"{MASK}_rows", *masks[0].input[1:]], [MASK]),
    ]
    for node in model.graph.node:
        node.input[:] = [MASK if name == old else name for name in node.input]
    put(model, [*straight, *model.graph.node])
    return True


def _hides(view: View, node: Any) -> bool:
    """Whether it is 0 or the lowest float, added to what a Softmax reads."""
    kept, hidden = (view.constant(name) for name in node.input[1:])
    if kept is None or hidden is None or kept.size != 1 or hidden.size != 1:
        return False
    added = [reader for reader in view.readers(node.output[0]) if reader is not None and reader.op_type == "Add"]
    scores = [reader for add in added for reader in view.readers(add.output[0]) if reader is not None]
    lowest = float(np.finfo(np.float32).min)
    return float(kept) == 0 and float(hidden) == lowest and any(reader.op_type == "Softmax" for reader in scores)
