"""Dynamic INT8 by ONNX Runtime: int8 weights, activations quantized per call (DynamicQuantizeLinear + MatMulInteger).

QInt8 weights: QUInt8 takes a kernel three times slower on x86. Embedding tables become uint8, per tensor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.config.variants import Int8Dynamic
from edgemin.quantize.graphs import linear_layers, quantizing, read_graph, skips


def quantize_folder(parent: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer. spec["variant"]: dump of an Int8Dynamic."""
    with quantizing(parent, out, spec) as target:
        quantize(parent / "model.onnx", target, Int8Dynamic.model_validate(spec["variant"]))


def quantize(source: Path, target: Path, config: Int8Dynamic) -> None:
    """Read the float graph `source`, write the quantized one to `target`. Raises EdgeminError for an unreadable graph."""
    model = read_graph(source)
    skipped = [layer.node.name for layer in linear_layers(model) if skips(config.skip, layer.module)]
    operators = ["MatMul", "Gemm", *(["Gather"] if config.embeddings is not False else [])]
    quantize_model(model, target, operators, config.per_channel, skipped)


def quantize_model(model: Any, target: Path, operators: list[str], per_channel: bool, skipped: Sequence[str] = ()) -> None:
    """Quantize every node of these operators that reads a constant matrix, but not those named in `skipped`."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=operators,
            nodes_to_exclude=list(skipped),
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of outputs of operators that onnx knows nothing about
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's quantizer advises, on the root logger, a pre-processing step that fails on such graphs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
