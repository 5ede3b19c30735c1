"""How large a model is: three parameter counts, by component, and bytes. Needs neither torch nor transformers.

naive    sum(p.numel() for p in model.parameters()): packed INT8 weights are not parameters, so they are missing
logical  every weight that takes part in inference, packed ones included
nonzero  of those, the stored values that are not zero
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.arrays import read_arrays
from edgemin.core.files import gzip_bytes, read_json
from edgemin.study import registry
from edgemin.study.family import family_of

COMPONENTS = ("embeddings", "attention", "ffn", "rest")


def measure(folder: Path, runtime: str, float_folder: Path) -> dict[str, Any]:
    """folder: the model; float_folder: the float checkpoint that it is, or was quantized from.

    MB elsewhere means 10^6 bytes; `compressed` is gzip -6 of the same files.
    """
    family, runs = family_of(read_json(float_folder / "config.json")), registry.RUNTIMES[runtime]
    floats = read_arrays(float_folder / "model.safetensors")
    stored = runs.nonzero(folder, {name: values.size for name, values in floats.items()})
    components = {name: {"logical": 0, "nonzero": 0} for name in COMPONENTS}
    for name, values in floats.items():
        component = components[family.component_of(name)]
        component["logical"] += values.size
        component["nonzero"] += stored.get(name, int(np.count_nonzero(values)))
    files = {name: (folder / name).stat().st_size for name in runs.needed(quantized=folder != float_folder)}
    return {
        "naive": runs.naive(folder),
        "logical": sum(component["logical"] for component in components.values()),
        "nonzero": sum(component["nonzero"] for component in components.values()),
        "components": components,
        "files": files,
        "bytes": sum(files.values()),
        "compressed": sum(gzip_bytes(folder / name) for name in files),
    }
