"""PyTorch, eager: what a model is trained in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemin.study.runtime import CHECKPOINT, Runtime

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


class Torch(Runtime):
    name = "torch"
    label = "PyTorch"
    color = "#D55E00"
    marker = "s"
    shape = "square"
    graph = False
    quantized = ("model.safetensors",)
    batches = False

    def needed(self, quantized: bool) -> tuple[str, ...]:
        return (*CHECKPOINT[:2], "tokenizer.json")

    def open(self, folder: Path, threads: int) -> Run:
        from . import run

        return run.open_folder(folder, threads)

    def nonzero(self, folder: Path, sizes: dict[str, int]) -> dict[str, int]:
        from . import stored

        return stored.nonzero(folder)

    def naive(self, folder: Path) -> int | None:
        from . import stored

        return stored.naive(folder)
