"""How large a model is: three parameter counts, by component, and bytes. Needs neither torch nor transformers.

naive    what sum(p.numel() for p in model.parameters()) says: packed INT8 weights are no parameters, so they vanish
logical  every weight that takes part in inference, packed ones included
nonzero  of those, the stored values that are not zero
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from edgemin.encoders.families import component_of
from edgemin.errors import EdgeminError
from edgemin.files import gzip_bytes, read_json

COMPONENTS = ("embeddings", "attention", "ffn", "rest")
_SCALE, _ZERO = ".weight_scale", ".weight_zero_point"
_NEEDED = {"torch": ("model.safetensors", "config.json", "tokenizer.json"), "onnxruntime": ("model.onnx", "tokenizer.json")}


def measure(folder: Path, runtime: str, float_folder: Path) -> dict[str, Any]:
    """folder: the model; float_folder: the float checkpoint that it is, or was quantized from.

    MB elsewhere means 10^6 bytes; `compressed` is gzip -6 of the same files.
    """
    config = read_json(float_folder / "config.json")
    shapes = _read(float_folder / "model.safetensors")
    stored = _stored_torch(folder) if runtime == "torch" else _stored_onnx(folder, shapes)
    components = {name: {"logical": 0, "nonzero": 0} for name in COMPONENTS}
    for name, values in shapes.items():
        component = components[component_of(name, config)]
        component["logical"] += values.size
        component["nonzero"] += stored.get(name, int(np.count_nonzero(values)))
    files = {name: (folder / name).stat().st_size for name in _NEEDED[runtime]}
    return {
        "naive": naive(folder) if runtime == "torch" else None,
        "logical": sum(component["logical"] for component in components.values()),
        "nonzero": sum(component["nonzero"] for component in components.values()),
        "components": components,
        "files": files,
        "bytes": sum(files.values()),
        "compressed": sum(gzip_bytes(folder / name) for name in files),
    }


def _read(file: Path) -> dict[str, np.ndarray]:
    import ml_dtypes  # noqa: F401 (teaches numpy what bfloat16 is)

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise EdgeminError(f"{file}: not a readable safetensors file ({error}); delete it and run snakemake again") from None


def naive(folder: Path) -> int:
    """The count of `model.parameters()` of a torch folder: a packed Linear's weight and bias are not in it."""
    tensors = _read(folder / "model.safetensors")
    packed = {name.removesuffix(_SCALE) for name in tensors if name.endswith(_SCALE)}
    return sum(values.size for name, values in tensors.items() if name.rsplit(".", 1)[0] not in packed)


def _stored_torch(folder: Path) -> dict[str, int]:
    """Parameter name -> values that are not zero, as stored (symmetric int8: zero is stored as its zero point, 0)."""
    tensors = _read(folder / "model.safetensors")
    counts = {}
    for name, values in tensors.items():
        if name.endswith((_SCALE, _ZERO)):
            continue
        zero = tensors.get(name.removesuffix(".weight") + _ZERO) if name.endswith(".weight") else None
        counts[name] = int(np.count_nonzero(values if zero is None else values - zero.reshape(-1, *[1] * (values.ndim - 1))))
    return counts


def _stored_onnx(folder: Path, shapes: dict[str, np.ndarray]) -> dict[str, int]:
    """The same for a graph, whose weights keep their parameters' names (`.T` or `_Transposed`, `_quantized` as integers)."""
    import onnx
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in onnx.load(folder / "model.onnx").graph.initializer}
    counts = {}
    for name in shapes:
        for form in (name, f"{name}.T", f"{name}_Transposed"):
            if form in tensors:
                counts[name] = int(np.count_nonzero(numpy_helper.to_array(tensors[form])))
            elif f"{form}_quantized" in tensors:
                values = numpy_helper.to_array(tensors[f"{form}_quantized"]).astype(np.int16)
                zero = numpy_helper.to_array(tensors[f"{form}_zero_point"]).astype(np.int16)
                counts[name] = int(np.count_nonzero(values - zero))
            elif f"{form}_int4" in tensors:
                codes = numpy_helper.to_array(tensors[f"{form}_int4"])
                zeros = int((codes & 15 == 8).sum()) + int((codes >> 4 == 8).sum())
                counts[name] = shapes[name].size - max(0, zeros - (2 * codes.size - shapes[name].size))  # less the padding
    return counts
