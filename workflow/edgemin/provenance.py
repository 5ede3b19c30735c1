"""Who made this file, from what, with which code: digests and the `provenance.json` of every checkpoint."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from edgemin.errors import EdgeminError
from edgemin.files import read_json, sha256, write_json
from edgemin.machine import cpu_flags, cpu_model

_PACKAGE = Path(__file__).parent
NAME = "provenance.json"
EXPORT_PROVENANCE = "onnx_provenance.json"  # of the graph that stands beside a float checkpoint
# Rooms whose content reaches a result only through the spec (config), or not at all.
_NOT_DIGESTED = ("edgemin.config", "edgemin.errors", "edgemin.provenance", "edgemin.machine", "edgemin.chains")


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _file_of(module: str) -> Path | None:
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    if path.with_suffix(".py").is_file() and path != _PACKAGE:
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


@cache
def _imports(module: str) -> frozenset[str]:
    """The edgemin modules that `module` imports anywhere in its text, late imports included."""
    file = _file_of(module)
    assert file is not None, module
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found.update(name for name in names if name.startswith("edgemin.") and _file_of(name))
    return frozenset(found)


@cache
def code_digest(*modules: str) -> str:
    """Digest of these edgemin modules and of all that they import, transitively, read without importing them.

    Snakemake does not track imported modules; this in a rule's params makes an edit re-run what uses it, and no more.
    """
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module in seen or module.startswith(_NOT_DIGESTED):
            continue
        seen.add(module)
        todo.extend(_imports(module))
    files = [_file_of(module) for module in sorted(seen)]
    return digest([hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file])[:16]


def versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    names = ("torch", "transformers", "onnxruntime", "onnx", "numpy", "scikit-learn", "tokenizers")
    return {name: importlib.metadata.version(name) for name in names}


def write_provenance(
    folder: Path | str, *, spec: Mapping[str, Any], parents: Iterable[Path | str] = (), name: str = NAME, **facts: Any
) -> None:
    """Write `provenance.json` (or `name`) beside the files of `folder` (sub-folders, being other artefacts, left out).

    spec: what was asked for, the code digest included. parents: the files that this artefact was made from; those of a
    folder that has a provenance of its own are named by it.
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
