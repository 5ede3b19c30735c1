"""Few bits in ONNX Runtime: MatMulNBits (8, 4 and 2 bits) and GatherBlockQuantized for embedding tables.

onnxruntime 1.32 has no kernel of 3 bits. Such a matrix is stored in 3 bits a weight, and standard operators unpack it. They read constants
alone, so the runtime computes them once, when it loads the model: bytes of 3 bits, times and memory of floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.methods.quantize.graphs import (
    Constant,
    contrib,
    embedding_tables,
    linear_layers,
    quantizing,
    read_graph,
    replace,
    skipped,
    split_gemms,
)
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.few_bits import FewBits
from edgemin.methods.schemes.few_bits.groups import Groups, encode, fit, pack, planes

KERNELS = (8, 4, 2)
Scales = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Dotted name of a module -> its scales and zero points, (rows, groups) each."""


def quantize_folder(config: FewBits, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer."""
    with quantizing(given) as target:
        quantize(given.parent / "model.onnx", target, config)


def quantize(source: Path, target: Path, config: FewBits, scales: Scales | None = None) -> None:
    """Read the float graph `source`, write the quantized one to `target`.

    scales: learned ones; a matrix without is fitted. Raises EdgeminError for a `skip` that names no layer, and for a table's width.
    """
    import onnx

    model = read_graph(source)
    left = skipped(model, config.skip)
    split_gemms(model)
    for layer in linear_layers(model):
        if layer.node.name not in left:
            weight = np.ascontiguousarray(layer.values.T)
            groups = _groups(layer, weight, config.bits, config.group, config.zero_point, scales)
            (_kernel if config.bits in KERNELS else _unpacked)(model, layer, groups)
    if config.embeddings:
        for table in embedding_tables(model):
            if size := table_group(table.module, table.values.shape[1], config.group):
                _table(model, table, _groups(table, table.values, config.embeddings, size, config.zero_point, scales))
    contrib(model)
    onnx.save(model, target)


def table_group(module: str, width: int, wanted: int) -> int | None:
    """The largest group, from `wanted` down, that divides a table's width, which the kernel asks for. None: leave a table alone that is none
    of tokens, such as MPNet's position bias. Raises EdgeminError for another width."""
    if "embeddings" not in module:
        return None
    fitting = [size for size in (128, 64, 32, 16) if size <= wanted and width % size == 0]
    if not fitting:
        raise EdgeminError(
            f"embeddings: need a width that is a multiple of 16, {module} has {width}; drop the key, "
            "or use `multiple: 16` where the width is cut"
        )
    return fitting[0]


def _groups(constant: Constant, rows: np.ndarray, bits: int, group: int, zero_point: bool, scales: Scales | None) -> Groups:
    if scales is not None and constant.module in scales:
        return encode(rows, group, *scales[constant.module], bits)
    return fit(rows, bits, group, zero_point)


def _stored(constant: Constant, groups: Groups) -> list[Any]:
    """What both kernels read beside the codes: scales, and zero points unless they are the middle code."""
    from onnx import numpy_helper

    tensors = [numpy_helper.from_array(groups.scales, f"{constant.weight}_scales")]
    if (groups.zeros != 2 ** (groups.bits - 1)).any():
        tensors.append(numpy_helper.from_array(pack(groups.zeros, groups.bits), f"{constant.weight}_zeros"))
    return tensors


def _kernel(model: Any, layer: Constant, groups: Groups) -> None:
    from onnx import helper, numpy_helper

    codes = numpy_helper.from_array(pack(groups.codes, groups.bits), f"{layer.weight}_codes")
    tensors = [codes, *_stored(layer, groups)]
    inputs, outputs = layer.values.shape
    node = helper.make_node(
        "MatMulNBits",
        [layer.node.input[0], *(tensor.name for tensor in tensors)],
        list(layer.node.output),
        domain="com.microsoft",
        K=inputs,
        N=outputs,
        bits=groups.bits,
        block_size=groups.codes.shape[-1],
        accuracy_level=4,
    )
    replace(model, layer, [node], tensors)


def _table(model: Any, table: Constant, groups: Groups) -> None:
    from onnx import helper, numpy_helper

    packed = pack(groups.codes, groups.bits).reshape(len(groups.codes), -1)
    codes = numpy_helper.from_array(packed, f"{table.weight}_codes")
    scales, *zeros = _stored(table, groups)
    tensors = [codes, scales, *zeros]
    node = helper.make_node(
        "GatherBlockQuantized",
        [codes.name, table.node.input[1], *(tensor.name for tensor in (scales, *zeros))],
        list(table.node.output),
        domain="com.microsoft",
        gather_axis=0,
        quantize_axis=1,
        block_size=groups.codes.shape[-1],
        bits=groups.bits,
    )
    replace(model, table, [node], tensors)


def _unpacked(model: Any, layer: Constant, groups: Groups) -> None:
    """A MatMul with a matrix that standard operators make of the planes: each bit shifted to the top of its byte, then to the bottom."""
    from onnx import helper, numpy_helper

    name, bits, shape = layer.weight, groups.bits, groups.codes.shape
    constants = {
        "planes": planes(groups.codes, bits)[..., None],
        "left": np.arange(7, -1, -1, dtype=np.uint8),
        "right": np.full(1, 7, np.uint8),
        "shape": np.array([bits, *shape], np.int64),
        "places": (2.0 ** np.arange(bits, dtype=np.float32)).reshape(-1, 1, 1, 1),
        "first": np.zeros(1, np.int64),
        "zeros": groups.zeros[..., None],
        "scales": groups.scales[..., None],
        "rows": np.array([shape[0], -1], np.int64),
        "end": np.array([groups.width], np.int64),
        "axis": np.ones(1, np.int64),
    }
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("BitShift", ["planes", "left"], "raised", {"direction": "LEFT"}),
        ("BitShift", ["raised", "right"], "bit", {"direction": "RIGHT"}),
        ("Cast", ["bit"], "float", {"to": 1}),
        ("Reshape", ["float", "shape"], "grouped", {}),
        ("Mul", ["grouped", "places"], "placed", {}),
        ("ReduceSum", ["placed", "first"], "codes", {"keepdims": 0}),
        ("Cast", ["zeros"], "zero", {"to": 1}),
        ("Sub", ["codes", "zero"], "steps", {}),
        ("Mul", ["steps", "scales"], "values", {}),
        ("Reshape", ["values", "rows"], "padded", {}),
        ("Slice", ["padded", "first", "end", "axis"], "weight", {}),
        ("Transpose", ["weight"], "matrix", {"perm": [1, 0]}),
    ]
    nodes = [
        helper.make_node(op, [f"{name}_{one}" for one in read], [f"{name}_{made}"], name=f"{name}_{made}", **attributes)
        for op, read, made, attributes in steps
    ]
    product = helper.make_node("MatMul", [layer.node.input[0], f"{name}_matrix"], list(layer.node.output), name=layer.node.name)
    tensors = [numpy_helper.from_array(values, f"{name}_{one}") for one, values in constants.items()]
    replace(model, layer, [*nodes, product], tensors)
