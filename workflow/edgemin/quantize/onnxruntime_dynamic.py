"""Dynamic INT8 by ONNX Runtime: int8 weights, activations quantized per call (DynamicQuantizeLinear + MatMulInteger).

QInt8 weights: QUInt8 takes a kernel three times slower on x86. Embedding tables become uint8, per tensor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.config.variants import Int8Dynamic
from edgemin.encoders import checkpoint
from edgemin.errors import EdgeminError
from edgemin.files import read_json, write_json
from edgemin.provenance import EXPORT_PROVENANCE, check_provenance


def quantize_folder(parent: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer. spec["variant"]: dump of an Int8Dynamic."""
    config = Int8Dynamic.model_validate(spec["variant"])
    check_provenance(parent, "model.onnx", name=EXPORT_PROVENANCE)
    with checkpoint.saving(out, tokenizer_from=parent, spec=spec, parents=[parent / "model.onnx"]) as partial:
        quantize(parent / "model.onnx", partial / "model.onnx", config)
        write_json(partial / "config.json", {**read_json(parent / "config.json"), "edgemin_quantization": config.model_dump()})


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
    with _quiet():
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=["MatMul", "Gemm", *(["Gather"] if config.embeddings is not False else [])],
            weight_type=QuantType.QInt8,
            per_channel=config.per_channel,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's quantizer advises, on the root logger, a pre-processing step that fails on such graphs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
