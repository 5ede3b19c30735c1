"""Four-bit tables by the scheme `int4`, then linear layers by `int8_static`, on one graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import quantizing, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.int4 import in_onnxruntime as int4
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int8_static import in_onnxruntime as int8_static


def quantize_folder(config: Int4Static, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for the ranges, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    floats = given.parent / "model.onnx"
    with quantizing(given, given.tokens) as target:
        skipped(read_graph(floats), config.skip)
        batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
        quantize(floats, target, config, input_ranges(checkpoint.load(given.parent), batches, config.linear))


def quantize(floats: Path, target: Path, config: Int4Static, ranges: Mapping[str, Range]) -> None:
    """One graph to another. ranges: of the input of each linear layer, by module."""
    tables = target.with_name("tables.onnx")
    int4.quantize(floats, tables, config.tables)
    int8_static.quantize(tables, target, config.linear, ranges)
    tables.unlink()
