"""4-bit weights in groups, for ONNX Runtime: linear layers (MatMulNBits), embedding tables (GatherBlockQuantized), or either beside INT8.

A group is `block_size` neighbours along the input of a linear layer, or along the width of an embedding. Its scale is its value
of largest size over -8, so that this value is met exactly; zero is met exactly too. Activations of a 4-bit layer stay floats
(the kernel may round them to 8 bits in blocks).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.methods.quantize.dynamic import quantize_model
from edgemin.methods.quantize.graphs import (
    Constant,
    contrib,
    embedding_tables,
    linear_layers,
    quantizing,
    read_graph,
    replace,
    split_gemms,
)
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int4 import Int4

ZERO = 8
_INT8_ACTIVATIONS = 4  # the kernel's accuracy_level


def quantize_folder(config: Int4, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer."""
    with quantizing(given) as target:
        quantize(given.parent / "model.onnx", target, config)


def quantize(source: Path, target: Path, config: Int4) -> None:
    """Read the float graph `source`, write the quantized one to `target`."""
    import onnx

    model = read_graph(source)
    if config.linear == 4:
        split_gemms(model)
        for layer in linear_layers(model):
            _pack_linear(model, layer, config.block_size)
    if config.embeddings == 4:
        for table in embedding_tables(model):
            if size := _block_size(table, config.block_size):
                _pack_table(model, table, size)
    contrib(model)
    rest = [op for op, bits in (("MatMul", config.linear), ("Gemm", config.linear), ("Gather", config.embeddings)) if bits == 8]
    if rest:
        quantize_model(model, target, rest, per_channel=True, reduce_range=config.reduce_range)
    else:
        onnx.save(model, target)


def _block_size(table: Constant, wanted: int) -> int | None:
    """The largest one, from `wanted` down, that divides the table's width, which the kernel asks for. None: leave a table alone
    that is none of tokens, such as MPNet's position bias. Raises EdgeminError for another width."""
    fitting = [size for size in (128, 64, 32, 16) if size <= wanted and table.values.shape[1] % size == 0]
    if fitting:
        return fitting[0]
    if "embeddings" in table.module:
        raise EdgeminError(
            f"embeddings: 4 bits need a width that is a multiple of 16, {table.module} has {table.values.shape[1]}; "
            "use embeddings: 8, or `multiple: 16` where the width is cut"
        )
    return None


def blocks(values: np.ndarray, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, width) float32 -> uint8 codes 0..15 (rows, blocks, block_size) and float32 scales (rows, blocks).

    x ~ scale * (code - 8); scale = -(value of largest size) / 8. The last block is padded with zeros.
    """
    rows, width = values.shape
    count = -(-width // block_size)
    grouped = np.pad(values, ((0, 0), (0, count * block_size - width))).reshape(rows, count, block_size)
    largest = np.take_along_axis(grouped, np.abs(grouped).argmax(-1)[..., None], -1)[..., 0]
    scales = (largest / -8).astype(np.float32)
    scales[scales == 0] = 1
    codes = np.clip(np.rint(grouped / scales[..., None]) + ZERO, 0, 15).astype(np.uint8)
    return codes, scales


def pack(codes: np.ndarray) -> np.ndarray:
    """Two codes in a byte, the first in its lower half."""
    return np.asarray(codes[..., 0::2] | (codes[..., 1::2] << 4))


def _pack_linear(model: Any, layer: Constant, block_size: int) -> None:
    from onnx import helper, numpy_helper

    codes, scales = blocks(np.ascontiguousarray(layer.values.T), block_size)
    tensors = [
        numpy_helper.from_array(pack(codes), f"{layer.weight}_int4"),
        numpy_helper.from_array(scales, f"{layer.weight}_int4_scale"),
    ]
    inputs, outputs = layer.values.shape
    node = helper.make_node(
        "MatMulNBits",
        [layer.node.input[0], *(tensor.name for tensor in tensors)],
        list(layer.node.output),
        domain="com.microsoft",
        K=inputs,
        N=outputs,
        bits=4,
        block_size=block_size,
        accuracy_level=_INT8_ACTIVATIONS,
    )
    replace(model, layer, [node], tensors)


def _pack_table(model: Any, table: Constant, block_size: int) -> None:
    from onnx import helper, numpy_helper

    codes, scales = blocks(table.values, block_size)
    tensors = [
        numpy_helper.from_array(pack(codes).reshape(len(codes), -1), f"{table.weight}_int4"),
        numpy_helper.from_array(scales, f"{table.weight}_int4_scale"),
    ]
    node = helper.make_node(
        "GatherBlockQuantized",
        [tensors[0].name, table.node.input[1], tensors[1].name],
        list(table.node.output),
        domain="com.microsoft",
        gather_axis=0,
        quantize_axis=1,
        block_size=block_size,
        bits=4,
    )
    replace(model, table, [node], tensors)
