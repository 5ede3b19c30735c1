"""Parameters as a graph's initializers hold them: they keep their names (`.T` or `_Transposed`, `_quantized` as integers)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def nonzero(file: Path, sizes: Mapping[str, int]) -> dict[str, int]:
    """Parameter name -> stored values that are not zero. sizes: elements of every parameter of the float model."""
    import onnx

    tensors = {tensor.name: tensor for tensor in onnx.load(file).graph.initializer}
    counts = {}
    for name, size in sizes.items():
        for form in (name, f"{name}.T", f"{name}_Transposed"):
            if (count := _of(tensors, form, size)) is not None:
                counts[name] = count
    return counts


def _of(tensors: Mapping[str, Any], form: str, size: int) -> int | None:
    from onnx.numpy_helper import to_array

    if form in tensors:
        return int(np.count_nonzero(to_array(tensors[form])))
    if f"{form}_quantized" in tensors:
        values, zero = (to_array(tensors[f"{form}_{part}"]).astype(np.int16) for part in ("quantized", "zero_point"))
        return int(np.count_nonzero(values - zero))
    if f"{form}_int4" in tensors:
        codes = to_array(tensors[f"{form}_int4"])
        zeros = int((codes & 15 == 8).sum()) + int((codes >> 4 == 8).sum())
        return size - max(0, zeros - (2 * codes.size - size))  # less the padding
    return None
