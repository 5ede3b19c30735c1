"""Run a folder's model.onnx in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


def open_folder(folder: Path, threads: int) -> Run:
    file = folder / "model.onnx"
    check_graph(file)
    return open_graph(file, threads)


def open_graph(file: Path, threads: int) -> Run:
    """Raises EdgeminError for a graph that the runtime cannot load."""
    import onnxruntime

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


def check_graph(file: Path) -> None:
    """Compare with the digest that its job wrote beside it: a quantized model's own, or the export's."""
    exported = (file.parent / EXPORT_PROVENANCE).exists()
    check_provenance(file.parent, file.name, name=EXPORT_PROVENANCE if exported else NAME)
