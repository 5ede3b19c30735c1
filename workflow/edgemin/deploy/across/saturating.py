"""Whether the integer products of a graph can saturate where a processor adds two of them in 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PRODUCTS = ("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention")
"""Operators whose second input is a matrix of int8 weights."""
SAFE = 64
"""2 · 255 · 64 = 32,640 is below 32,767: docs/methods.md, Reduced range."""


def saturates(file: Path) -> bool:
    """file: model.onnx. True if a linear layer of 8 bits has weights beyond 7 bits, as they are without `reduce_range`."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(file).graph
    weights = {node.input[1] for node in graph.node if node.op_type in PRODUCTS}
    # of QAttention, matrices that are put together first
    weights |= {name for node in graph.node if node.op_type == "Concat" and node.output[0] in weights for name in node.input}
    # of `int8_packed`, matrices that are made of codes: none of their integers is larger than the multiplier of its group
    weights |= {f"{name.removesuffix('_quantized')}_multipliers" for name in weights}
    matrices = (numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name in weights)
    return any(int(np.abs(matrix.astype(np.int16)).max()) > SAFE for matrix in matrices)
