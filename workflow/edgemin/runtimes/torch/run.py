"""Run a folder's model.safetensors in PyTorch, float, bfloat16 or packed INT8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.provenance import check_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.study import registry
from edgemin.study.family import family_of
from edgemin.study.variants import quantize_variant

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


def load(folder: Path | str) -> Classifier:
    """The PyTorch model of a checkpoint folder of any chain, in eval mode: float32, bfloat16 or packed INT8.

    Raises EdgeminError for a damaged folder, or one without a PyTorch model.
    """
    folder = Path(folder)
    checkpoint.quiet_transformers()
    quantized = read_json(folder / "config.json").get("edgemin_quantization")
    if not quantized:
        return checkpoint.load(folder)
    check_provenance(folder, "config.json")
    runtime = registry.RUNTIMES[quantized["backend"]]
    if runtime.name != "torch":
        raise EdgeminError(
            f"{folder}: holds a model for {runtime.label} alone; open {runtime.quantized[0]} with {runtime.name}, or load its float parent"
        )
    return quantize_variant(quantized).load(folder)


def open_folder(folder: Path, threads: int) -> Run:
    """Load a model folder, to run with exactly `threads` threads."""
    torch.set_num_threads(threads)
    model = load(folder)
    wanted = family_of(model.config).inputs

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(
                model(**{name: torch.from_numpy(inputs[name]) for name in wanted if name in inputs}).logits.float().numpy()
            )

    return run
