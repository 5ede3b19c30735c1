"""Quantized folders of a small model, as its schemes make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.study.variants import quantize_variant


def made(parent: tuple[Path, Path], out: Path, **variant: object) -> Path:
    """The folder of a scheme in ONNX Runtime. parent: folder of the floats, and tokens of the training split."""
    found = quantize_variant({"backend": "onnxruntime", **variant})
    folder, tokens = parent
    found.quantize(QuantizeInputs(folder, out, {"variant": found.model_dump(), "seed": 0}, tokens))
    return out


def tensors(folder: Path) -> dict[str, np.ndarray]:
    """The initializers of a folder's graph, by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(folder / "model.onnx").graph.initializer}
