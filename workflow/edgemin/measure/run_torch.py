"""Run a folder's model.safetensors in PyTorch, float or packed INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgemin.encoders.families import input_names
from edgemin.loading import load
from edgemin.measure.runtimes import Run


def open_folder(folder: Path, threads: int) -> Run:
    torch.set_num_threads(threads)
    model = load(folder)
    wanted = input_names(model)

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(
                model(**{name: torch.from_numpy(inputs[name]) for name in wanted if name in inputs}).logits.float().numpy()
            )

    return run
