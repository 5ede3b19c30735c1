"""ONNX Runtime's own dynamic quantizer, on graphs in memory.

QInt8 weights: QUInt8 takes a kernel three times slower on x86. Embedding tables become uint8, per tensor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def quantize_model(
    model: Any, target: Path, operators: list[str], per_channel: bool, skipped: Sequence[str] = (), reduce_range: bool = False
) -> None:
    """Quantize every node of these operators that reads a constant matrix, but not those named in `skipped`.

    reduce_range: weights of matrix products in [-64, 64], not [-127, 127]; embedding tables keep all 8 bits.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=operators,
            nodes_to_exclude=[*skipped, *(f"{name}_MatMul" for name in skipped)],  # what it makes of a Gemm before
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
            reduce_range=reduce_range,
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
