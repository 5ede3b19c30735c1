"""Which folders are read from a record that was unpacked into a results folder: the rule of `plan.records`, as far as the folder tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edgemin.core.files import read_json
from edgemin.core.machine import machine_class

_KEPT = (".json", ".parquet")


def taken(path: Path, chains: Iterable[str]) -> dict[str, Path]:
    """Folder of measurements or of a model, below the study's folder -> `record/{machine}` from which it is read; of a seed always the same.

    A seed that lacks nothing here is read here. Else of a record of the class that measured it here, what is missing; of a record of
    another class, all. chains: of the study; other folders are of an earlier one.
    """
    chains = list(chains)
    held = {root: _held(root, chains) for root in sorted(path.glob("record/*"))}
    sources: dict[str, Path] = {}
    for seed in dict.fromkeys(seed for seeds in held.values() for seed in seeds):
        here = _classes(path, seed)
        for root in sorted(held, key=lambda root: (here != {root.name}, root)):
            folders = held[root].get(seed, {})
            missing = {folder for folder, files in folders.items() if not all((path / folder / name).is_file() for name in files)}
            if missing:
                sources |= dict.fromkeys(missing if here == {root.name} else folders, root)
                break
    return sources


def _held(root: Path, chains: list[str]) -> Mapping[str, Mapping[str, list[str]]]:
    """`seed0` -> folder, below the root -> its files."""
    by_seed: dict[str, dict[str, list[str]]] = {}
    for file in sorted(root.glob("*/*/seed*/**/*")):
        kind, _, seed, *chain = (folder := file.parent.relative_to(root)).parts
        wanted = "/".join(chain[:-1]) in chains if kind == "measurements" else kind == "models" and _begins(chain, chains)
        if wanted and file.suffix in _KEPT and file.is_file():
            by_seed.setdefault(seed, {}).setdefault(str(folder), []).append(file.name)
    return by_seed


def _begins(links: list[str], chains: list[str]) -> bool:
    return any(chain.split("/")[: len(links)] == links for chain in chains)


def _classes(path: Path, seed: str) -> set[str]:
    """Of the machines that measured a seed here."""
    qualities = [read_json(file) for file in path.glob(f"measurements/*/{seed}/**/quality.json")]
    hosts = [one.get("host", {}) for one in qualities if isinstance(one, dict)]
    return {machine_class(host["cpu"], host["flags"]) for host in hosts if {"cpu", "flags"} <= set(host)}
