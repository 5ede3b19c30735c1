"""How a file was made, from which inputs and code: digests, and the `provenance.json` of every checkpoint."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.core.machine import cpu_flags, cpu_model

NAME = "provenance.json"
EXPORT_PROVENANCE = "onnx_provenance.json"  # of the graph that is beside a float checkpoint


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of the packages that can change a number; of the optional ones, where they are installed."""
    names = ("torch", "transformers", "onnxruntime", "onnx", "numpy", "scikit-learn", "tokenizers")
    optional = [name for name in ("openvino", "nncf") if find_spec(name) is not None]
    return {name: importlib.metadata.version(name) for name in (*names, *optional)}


def write_provenance(
    folder: Path | str, *, spec: Mapping[str, Any], parents: Iterable[Path | str] = (), name: str = NAME, **facts: Any
) -> None:
    """Write `provenance.json` (or `name`) beside the files of `folder`. Sub-folders are other artefacts and left out.

    spec: the settings of the job, with the code digest. parents: the files that this artefact was made from. If the folder of a
    parent has a provenance, the digest comes from there.
    """
    folder = Path(folder)
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != name and not file.name.startswith("."))
    write_json(
        folder / name,
        {
            "spec": dict(spec),
            "parents": {Path(parent).as_posix(): sha256(parent) for parent in parents},
            "versions": versions(),
            "host": {"cpu": cpu_model(), "flags": cpu_flags(), "os": platform.platform(), "python": platform.python_version()},
            **facts,
            "sha256": {file.name: sha256(file) for file in files},
        },
    )


def check_provenance(folder: Path | str, *names: str, name: str = NAME) -> dict[str, Any]:
    """The provenance of `folder`, after comparing the sha256 of its files (`names`, or all) with it.

    Raises EdgeminError naming the first file that is missing or differs.
    """
    folder = Path(folder)
    provenance = read_json(folder / name)
    recorded = provenance.get("sha256") if isinstance(provenance, dict) else None
    if not isinstance(recorded, dict):
        raise EdgeminError(f"{folder / name}: not a provenance file; delete it and run snakemake again")
    for file in names or recorded:
        if file not in recorded or not (folder / file).is_file():
            raise EdgeminError(f"{folder / file}: missing; delete {folder / name} and run snakemake again")
        if sha256(folder / file) != recorded[file]:
            raise EdgeminError(
                f"{folder / file}: its sha256 differs from {name}: truncated, corrupted or replaced; "
                "delete the file and run snakemake again"
            )
    return provenance
