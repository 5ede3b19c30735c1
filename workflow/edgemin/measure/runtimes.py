"""One way to run a model folder in either runtime: arrays in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.errors import EdgeminError
from edgemin.provenance import EXPORT_PROVENANCE, NAME, check_provenance

Run = Callable[[dict[str, np.ndarray]], np.ndarray]
"""inputs: int64 arrays (batch, length) by name; unknown names are ignored. Returns float32 logits (batch, classes)."""


def open_model(folder: Path, runtime: str, threads: int) -> Run:
    """Load `folder` in `runtime` ("onnxruntime" or "torch") with exactly `threads` threads."""
    return _OPEN[runtime](Path(folder), threads)


def _onnxruntime(folder: Path, threads: int) -> Run:
    import onnxruntime

    file = folder / "model.onnx"
    _check_onnx(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        raise EdgeminError(
            f"{file}: ONNX Runtime cannot load it ({str(error).splitlines()[0]}); delete it and run snakemake again"
        ) from None
    names = [node.name for node in session.get_inputs()]

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(session.run(["logits"], {name: inputs[name] for name in names})[0])

    return run


def _check_onnx(file: Path) -> None:
    """Compare with the digest that its job wrote beside it: a quantized model's own, or the export's."""
    exported = (file.parent / EXPORT_PROVENANCE).exists()
    check_provenance(file.parent, file.name, name=EXPORT_PROVENANCE if exported else NAME)


def _torch(folder: Path, threads: int) -> Run:
    import torch

    from edgemin.encoders import checkpoint
    from edgemin.files import read_json

    checkpoint.quiet_transformers()
    torch.set_num_threads(threads)
    if read_json(folder / "config.json").get("edgemin_quantization"):
        from edgemin.quantize import torch_dynamic

        model = torch_dynamic.load(folder)
    else:
        model = checkpoint.load(folder)
    wanted = _wanted(model)

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(**{name: torch.from_numpy(inputs[name]) for name in wanted if name in inputs}).logits.numpy())

    return run


def _wanted(model: Any) -> list[str]:
    from edgemin.encoders.families import family_of

    return ["input_ids", "attention_mask", *(["token_type_ids"] if family_of(model.config).token_types else [])]


_OPEN = {"onnxruntime": _onnxruntime, "torch": _torch}
