"""One way to run a model folder in any runtime: arrays in, logits out. Each runtime is a module `run_<name>`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np

Run = Callable[[dict[str, np.ndarray]], np.ndarray]
"""inputs: int64 arrays (batch, length) by name; unknown names are ignored. Returns float32 logits (batch, classes)."""


def module_of(runtime: str) -> str:
    """The module that runs models in `runtime`: named by hand, so that a job depends on the code of its own runtime alone."""
    return f"edgemin.measure.run_{runtime}"


def open_model(folder: Path, runtime: str, threads: int) -> Run:
    """Load `folder` in `runtime` ("onnxruntime" or "torch") with exactly `threads` threads.

    Raises EdgeminError for a missing, corrupt or foreign model.
    """
    return cast(Run, import_module(module_of(runtime)).open_folder(Path(folder), threads))
