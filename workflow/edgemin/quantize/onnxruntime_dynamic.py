"""Dynamic INT8 by ONNX Runtime: int8 weights, activations quantized per call (DynamicQuantizeLinear + MatMulInteger).

QInt8 weights: QUInt8 takes a kernel three times slower on x86. Embedding tables become uint8, per tensor.
"""

from __future__ import annotations

import logging
from pathlib import Path

from edgemin.config.variants import Int8Dynamic
from edgemin.errors import EdgeminError


def quantize(source: Path, target: Path, config: Int8Dynamic) -> None:
    """Read the float graph `source`, write the quantized one to `target`. Raises EdgeminError for an unreadable graph."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnxruntime.quantization import QuantType, quantize_dynamic

    try:
        model = onnx.load(source)
        onnx.checker.check_model(model)
    except (DecodeError, OSError, onnx.checker.ValidationError) as error:
        raise EdgeminError(
            f"{source}: not a readable ONNX model ({str(error).splitlines()[0]}); delete it and run snakemake again"
        ) from None
    del model.graph.value_info[:]  # shapes of the dynamo exporter that the quantizer contradicts
    logging.getLogger("root").setLevel(logging.ERROR)  # it advises a pre-processing step that fails on such graphs
    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=["MatMul", "Gemm", *(["Gather"] if config.embeddings is not False else [])],
        weight_type=QuantType.QInt8,
        per_channel=config.per_channel,
    )
    logging.getLogger("root").setLevel(logging.INFO)
