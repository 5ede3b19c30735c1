"""Parameters as a folder's safetensors file holds them. Needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgemin.core.arrays import read_arrays

_SCALE, _ZERO = ".weight_scale", ".weight_zero_point"


def naive(folder: Path) -> int:
    """The count of `model.parameters()`: a packed Linear's weight and bias are not in it."""
    tensors = read_arrays(folder / "model.safetensors")
    packed = {name.removesuffix(_SCALE) for name in tensors if name.endswith(_SCALE)}
    return sum(values.size for name, values in tensors.items() if name.rsplit(".", 1)[0] not in packed)


def nonzero(folder: Path) -> dict[str, int]:
    """Parameter name -> values that are not zero, as stored (symmetric int8: zero is stored as its zero point, 0)."""
    tensors = read_arrays(folder / "model.safetensors")
    counts = {}
    for name, values in tensors.items():
        if name.endswith((_SCALE, _ZERO)):
            continue
        zero = tensors.get(name.removesuffix(".weight") + _ZERO) if name.endswith(".weight") else None
        counts[name] = int(np.count_nonzero(values if zero is None else values - zero.reshape(-1, *[1] * (values.ndim - 1))))
    return counts
