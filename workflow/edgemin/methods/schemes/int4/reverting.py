"""Four bits, or eight beside them, with some linear layers in floats. Tables are as without `revert`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.methods.quantize.dynamic import quantize_model
from edgemin.methods.quantize.graphs import contrib, embedding_tables, heads, linear_layers, read_graph, skipped, split_gemms
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Partly
from edgemin.methods.schemes.int4 import Int4
from edgemin.methods.schemes.int4.in_onnxruntime import _block_size, _pack_linear, _pack_table


def partly(config: Int4, given: QuantizeInputs) -> Partly:
    source = given.parent / "model.onnx"
    model = read_graph(source)

    def write(layers: Sequence[str], target: Path) -> None:
        quantize(source, target, config, layers)

    return Partly([layer.module for layer in (*linear_layers(model), *heads(model))], write)


def quantize(source: Path, target: Path, config: Int4, layers: Sequence[str]) -> None:
    """As `in_onnxruntime.quantize`, with these layers in floats. That function knows of none; a test compares both without any."""
    import onnx

    model = read_graph(source)
    floats = skipped(model, layers)
    if config.linear == 4:
        split_gemms(model)
        for layer in linear_layers(model):
            if layer.node.name not in floats:
                _pack_linear(model, layer, config.block_size)
    if config.embeddings == 4:
        for table in embedding_tables(model):
            if size := _block_size(table, config.block_size):
                _pack_table(model, table, size)
    contrib(model)
    rest = [op for op, bits in (("MatMul", config.linear), ("Gemm", config.linear), ("Gather", config.embeddings)) if bits == 8]
    if rest:
        quantize_model(model, target, rest, per_channel=True, skipped=floats, reduce_range=config.reduce_range)
    else:
        onnx.save(model, target)
