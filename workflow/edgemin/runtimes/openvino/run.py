"""Run a folder's model.onnx, or its model.xml where it was quantized for OpenVINO."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.runtimes.openvino import sparse
from edgemin.runtimes.openvino.package import openvino

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


def graph_of(folder: Path) -> Path:
    """The graph that OpenVINO reads of a folder, its digests checked."""
    if (folder / EXPORT_PROVENANCE).exists():
        check_provenance(folder, "model.onnx", name=EXPORT_PROVENANCE)
        return folder / "model.onnx"
    check_provenance(folder, "model.xml", "model.bin", name=NAME)
    return folder / "model.xml"


def read(file: Path) -> Any:
    """An openvino.Model. Raises EdgeminError for a graph that cannot be read."""
    try:
        return openvino().Core().read_model(file)
    except RuntimeError as error:
        reason = str(error).strip().rpartition("\n")[2]  # the lines before it are places in OpenVINO's own sources
        raise EdgeminError(f"{file}: OpenVINO cannot read it ({reason}); delete it and run snakemake again") from None


def open_folder(folder: Path, threads: int) -> Run:
    """Compute in float32 if the graph is not quantized. By default OpenVINO uses bfloat16 on CPUs that support it."""
    return compiled(read(graph_of(folder)), threads, sparse.wanted(folder))


def compiled(model: Any, threads: int, sparse_from: float = 1.0) -> Run:
    """Compile a model in memory, with exactly `threads` threads. sparse_from: share of zeros from which weights are stored without them."""
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", sparse.SHARE: sparse_from}
    with own_signal_stack():
        program = openvino().Core().compile_model(model, "CPU", settings)
    names = {name for port in program.inputs for name in port.get_names()}

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.array(program({name: inputs[name] for name in names})[0])

    return sparse.checked(run, program) if sparse_from < 1 else run


@contextmanager
def own_signal_stack() -> Iterator[None]:
    """Restore the thread's signal stack afterwards. OpenVINO replaces it for each compiled model and restores the previous one when the
    model is deleted. If two models are deleted in the order of creation, the stack of a deleted one is left: the next signal would crash."""
    if sys.platform == "win32":
        yield
        return
    previous = ctypes.create_string_buffer(64)  # a stack_t is smaller
    sigaltstack = ctypes.CDLL(None).sigaltstack
    sigaltstack(None, previous)
    try:
        yield
    finally:
        sigaltstack(previous, None)
