"""Dynamic INT8 by ONNX Runtime: int8 weights, activations quantized per call (DynamicQuantizeLinear + MatMulInteger)."""

from __future__ import annotations

from pathlib import Path

from edgemin.methods.quantize.dynamic import quantize_model
from edgemin.methods.quantize.graphs import quantizing, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic


def quantize_folder(config: Int8Dynamic, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer."""
    with quantizing(given) as target:
        quantize(given.parent / "model.onnx", target, config)


def quantize(source: Path, target: Path, config: Int8Dynamic) -> None:
    """Read the float graph `source`, write the quantized one to `target`.

    Raises EdgeminError for an unreadable graph, and for a `skip` that names no linear layer.
    """
    model = read_graph(source)
    operators = ["MatMul", "Gemm", *(["Gather"] if config.embeddings is not False else [])]
    quantize_model(model, target, operators, config.per_channel, skipped(model, config.skip), config.reduce_range)
