"""ONNX Runtime: what a bundle runs in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemin.study.runtime import Runtime

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


class OnnxRuntime(Runtime):
    name = "onnxruntime"
    label = "ONNX Runtime"
    color = "#0072B2"
    marker = "o"
    shape = "circle"
    quantized = ("model.onnx",)
    bundles = True

    def open(self, folder: Path, threads: int) -> Run:
        from . import run

        return run.open_folder(folder, threads)

    def nonzero(self, folder: Path, sizes: dict[str, int]) -> dict[str, int]:
        from . import stored

        return stored.nonzero(folder / "model.onnx", sizes)
