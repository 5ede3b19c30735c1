"""Parameters as OpenVINO's graphs hold them: constants have the names that they had in model.onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgemin.runtimes.onnxruntime import stored as onnx_stored
from edgemin.runtimes.openvino.run import graph_of, read


def nonzero(folder: Path, sizes: Mapping[str, int]) -> dict[str, int]:
    """Parameter name -> stored values that are not zero. sizes: elements of every parameter of the float model."""
    file = graph_of(folder)
    if file.suffix == ".onnx":
        return onnx_stored.nonzero(file, sizes)
    constants = {node.get_friendly_name(): node for node in read(file).get_ops() if node.get_type_name() == "Constant"}
    counts = {}
    for name, size in sizes.items():
        for form in (name, f"{name}.T"):
            node = constants.get(form)
            if node is not None and node.data.size == size:
                counts[name] = int(np.count_nonzero(node.data))
    return counts
