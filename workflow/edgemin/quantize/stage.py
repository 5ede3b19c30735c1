"""The quantize stage: one function per backend, both from a float parent's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.config.variants import Int8Dynamic
from edgemin.encoders import checkpoint
from edgemin.files import read_json, write_json
from edgemin.provenance import EXPORT_PROVENANCE, check_provenance


def quantize_onnxruntime(parent: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """Reads the parent's model.onnx; writes model.onnx, config.json and the tokenizer."""
    from edgemin.quantize import onnxruntime_dynamic

    config = Int8Dynamic.model_validate(spec["variant"])
    check_provenance(parent, "model.onnx", name=EXPORT_PROVENANCE)
    with checkpoint.saving(out, tokenizer_from=parent, spec=spec, parents=[parent / "model.onnx"]) as partial:
        onnxruntime_dynamic.quantize(parent / "model.onnx", partial / "model.onnx", config)
        write_json(partial / "config.json", {**read_json(parent / "config.json"), "edgemin_quantization": config.model_dump()})


def quantize_torch(parent: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """Reads the parent's model.safetensors; writes int8 tensors and scales to model.safetensors."""
    from edgemin.quantize import torch_dynamic

    config = Int8Dynamic.model_validate(spec["variant"])
    packed = torch_dynamic.pack(checkpoint.load(parent), config.per_channel)
    with checkpoint.saving(out, tokenizer_from=parent, spec=spec, parents=[parent / "model.safetensors"]) as partial:
        torch_dynamic.save(packed, partial, config)


BACKENDS = {"onnxruntime": quantize_onnxruntime, "torch": quantize_torch}
