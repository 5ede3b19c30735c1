"""Run a folder's model.safetensors in PyTorch, float or packed INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgemin.encoders import checkpoint
from edgemin.encoders.families import input_names
from edgemin.files import read_json
from edgemin.measure.runtimes import Run
from edgemin.quantize import torch_bf16, torch_dynamic


def open_folder(folder: Path, threads: int) -> Run:
    checkpoint.quiet_transformers()
    torch.set_num_threads(threads)
    quantized = read_json(folder / "config.json").get("edgemin_quantization") or {}
    load = {"int8_dynamic": torch_dynamic.load, "bf16": torch_bf16.load}.get(str(quantized.get("scheme")), checkpoint.load)
    model = load(folder)
    wanted = input_names(model)

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(
                model(**{name: torch.from_numpy(inputs[name]) for name in wanted if name in inputs}).logits.float().numpy()
            )

    return run
