"""Any checkpoint folder -> its PyTorch model."""

from __future__ import annotations

from pathlib import Path

from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.quantize import torch_bf16, torch_dynamic


def load(folder: Path | str) -> Classifier:
    """In eval mode: float32, bfloat16 or packed INT8. Raises EdgeminError for a damaged folder, or one without a PyTorch model."""
    folder = Path(folder)
    checkpoint.quiet_transformers()
    quantized = read_json(folder / "config.json").get("edgemin_quantization") or {}
    if quantized.get("backend") == "onnxruntime":
        raise EdgeminError(f"{folder}: holds an ONNX model alone; open model.onnx with onnxruntime, or load its float parent")
    readers = {"int8_dynamic": torch_dynamic.load, "bf16": torch_bf16.load}
    return readers.get(str(quantized.get("scheme")), checkpoint.load)(folder)
