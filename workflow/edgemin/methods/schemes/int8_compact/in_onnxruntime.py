"""Linear layers by `int8_fused`, then by `few_bits` the matrices that are left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import quantizing, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.few_bits import in_onnxruntime as few_bits
from edgemin.methods.schemes.int8_compact import Int8Compact
from edgemin.methods.schemes.int8_fused import in_onnxruntime as int8_fused


def quantize_folder(config: Int8Compact, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for the ranges, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    with quantizing(given, given.tokens) as target:
        floats = read_graph(given.parent / "model.onnx")
        skipped(floats, config.skip)
        batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
        quantize(floats, target, config, input_ranges(checkpoint.load(given.parent), batches, config.layers.linear))


def quantize(
    floats: Any, target: Path, config: Int8Compact, ranges: Mapping[str, Range], scales: few_bits.Scales | None = None
) -> None:
    """floats: a ModelProto as exported. Writes the quantized one to `target`. ranges: of the input of each linear layer, by module. scales: of
    tables, as of `few_bits.quantize`."""
    fused = target.with_name("fused.onnx")
    int8_fused.quantize(int8_fused.rewritten(floats), fused, config.layers, ranges)
    few_bits.quantize(fused, target, config.rest, scales)
    fused.unlink()
