"""Measured results, wherever they are: the folder of a study below results/, or the record of one, whole or a seed of it.

Both are read alike: files by their path below the study's folder, cells by their names. Nothing of the study has to be readable by this version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report.differences.taken import taken
from edgemin.report.readable import readable
from edgemin.report.record import predictions_of
from edgemin.study.chains import Chain
from edgemin.study.floor import chain_of, is_baseline

RECORDED = "restore it from version control"
_MADE = "delete it and run snakemake again"
SIDES = ("a", "b")
"""Ends of the names of columns that both sides have."""
_HOLDS: Mapping[str, set[str]] = {
    "quality.json": {"metric", "splits"},
    "size.json": {"bytes", "logical", "nonzero"},
    "latency.json": {"single_stream", "threads", "host"},
    "provenance.json": {"spec", "sha256"},
    "predictions.parquet": {"split", "label", "logits"},
}
"""File -> what is read of it."""


class Key(NamedTuple):
    """What a row of two sides is about."""

    task: str
    cell: str
    runtime: str


@dataclass(frozen=True)
class Side:
    """One of two sets of results."""

    place: Path
    """As it was named."""
    study: str
    folders: Mapping[Key, Mapping[int, str]]
    """Row -> seed -> folder of its measurements, below the study's folder."""
    chains: Mapping[str, str]
    """Cell -> chain."""
    settings: Mapping[str, Any] | None = None
    """The effective study; None for a record, which has none."""
    made_by: Mapping[str, str] = field(default_factory=dict)
    """File -> digest of its whole way; known of records alone."""
    root: Path | None = None
    """Where files are; None for a record."""
    taken: Mapping[str, Path] = field(default_factory=dict)
    """Folder -> where it is read instead: a record that was unpacked."""
    jsons: Mapping[str, Any] = field(default_factory=dict)
    """Content of the JSON files of a record."""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Predictions of a record."""

    def json(self, name: str) -> Any:
        """Content of a JSON file, by its path below the study's folder; None where there is none."""
        file = self._file(name)
        return self._whole(name, read_json(file) if file else self.jsons.get(name))

    def predictions(self, folder: str) -> pd.DataFrame | None:
        """Answers to the test split, of a folder of measurements; None where there are none."""
        name = f"{folder}/predictions.parquet"
        table = self.tables.get(name)
        if file := self._file(name):
            with readable(file, _MADE):
                table = pd.read_parquet(file)
        table = self._whole(name, table)
        return None if table is None else table[table["split"] == "test"]

    def models(self) -> dict[str, Any]:
        """Folder of each model of these cells, below the study's folder -> its provenance, where there is one."""
        provenances = {}
        for key, seeds in self.folders.items():
            for seed in seeds:
                for chain in () if is_baseline(self.chains[key.cell]) else Chain.parse(self.chains[key.cell]).prefixes:
                    name = f"models/{key.task}/seed{seed}/{chain}"
                    if name not in provenances and (provenance := self.json(f"{name}/provenance.json")):
                        provenances[name] = provenance
        return provenances

    def _file(self, name: str) -> Path | None:
        root = self.taken.get(name.rpartition("/")[0], self.root)
        return root / name if root and (root / name).is_file() else None

    def _whole(self, name: str, content: Any) -> Any:
        """The content of a file. Raises EdgeminError if it has not what is read of it."""
        kind = _HOLDS.get(name.rpartition("/")[2], set())
        lacks = kind - set(content) if isinstance(content, dict | pd.DataFrame) else kind
        if content is None or not lacks:
            return content
        file = self._file(name)
        raise EdgeminError(f"{file or f'{self.place}: {name}'}: lacks {', '.join(sorted(lacks))}; {_MADE if file else RECORDED}")


def open_side(place: str) -> Side:
    """A results folder (`results/quick`), a record's folder (`docs/reference/quick/amd-epyc-a67401`), or one seed of it (`.../seed0.json`).

    Raises EdgeminError for anything else.
    """
    path = Path(place)
    if path.is_file() and path.suffix == ".json":
        return _recorded(path, [path])
    if records := sorted(path.glob("seed*.json")):
        return _recorded(path, records)
    if any((root / "measurements").is_dir() for root in _roots(path)):
        return _measured(path)
    below = sorted({file.parent.name for file in path.glob("*/seed*.json")})
    if len(below) == 1:
        return open_side(f"{place}/{below[0]}")
    if below:
        raise EdgeminError(f"{place}: has records of {', '.join(below)}; name one of these folders")
    raise EdgeminError(
        f"{place}: {'holds neither measurements nor seed*.json' if path.exists() else 'no such file or folder'}; "
        "name the folder of a study below results, or of a record below docs/reference"
    )


def _roots(path: Path) -> list[Path]:
    """A results folder, and those in it to which records were unpacked."""
    return [path, *sorted(path.glob("record/*"))]


def _measured(path: Path) -> Side:
    """Of the cells, tasks and seeds that the study has: a folder may hold those of earlier ones."""
    settings = _settings(path / "study.yaml")
    named: dict[str, list[str]] = {chain_of(name): [name] for name in settings.get("baselines") or {}}
    for cell, entry in settings.get("cells", {}).items():
        named.setdefault(entry["chain"] if isinstance(entry, dict) else str(entry), []).append(str(cell))
    elsewhere = taken(path, named) if settings.get("record", True) else {}
    here = [str(file.parent.relative_to(path)) for file in path.glob("measurements/*/seed*/**/quality.json")]
    folders: dict[Key, dict[int, str]] = {}
    for folder in sorted({*here, *elsewhere}):
        kind, task, seed, *chain = Path(folder).parts
        number = re.fullmatch(r"seed(\d+)", seed)
        if kind != "measurements" or not number or not _has(settings, task, int(number[1])):
            continue
        for cell in named.get("/".join(chain[:-1]), ()):
            if (elsewhere.get(folder, path) / folder / "quality.json").is_file():
                folders.setdefault(Key(task, cell, chain[-1]), {})[int(number[1])] = folder
    chains = {cell: chain for chain, cells in named.items() for cell in cells}
    order = [*(settings.get("baselines") or {}), *settings["cells"]]
    folders = {key: folders[key] for key in sorted(folders, key=lambda key: (key.task, order.index(key.cell), key.runtime))}
    return Side(path, str(settings.get("study", path.name)), folders, chains, settings, root=path, taken=elsewhere)


def _has(settings: Mapping[str, Any], task: str, seed: int) -> bool:
    """Whether a study has them; one that does not say has all."""
    return task in (settings.get("tasks") or [task]) and seed in (settings.get("seeds") or [seed])


def _settings(file: Path) -> dict[str, Any]:
    """The effective study, as the run wrote it."""
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        settings = None
    if not isinstance(settings, dict) or not isinstance(settings.get("cells"), dict):
        raise EdgeminError(f"{file}: no study can be read from it, and it says which cells there are; run snakemake again")
    return settings


def _recorded(place: Path, records: Iterable[Path]) -> Side:
    """Of seeds' records: three files each."""
    folders: dict[Key, dict[int, str]] = {}
    parts: dict[str, dict[str, Any]] = {"files": {}, "made_by": {}, "tables": {}}
    chains, study = {}, place.name
    for record in records:
        content = read_json(record, RECORDED)
        if not isinstance(content, dict) or not {"files", "made_by", "columns"} <= set(content):
            raise EdgeminError(f"{record}: not the record of a seed; {RECORDED}")
        for row in _rows(record.with_suffix(".csv")):
            folder = f"measurements/{row['task']}/seed{row['seed']}/{row['chain']}/{row['runtime']}"
            if f"{folder}/quality.json" in content["files"]:
                folders.setdefault(Key(row["task"], row["cell"], row["runtime"]), {})[int(row["seed"])] = folder
            chains[row["cell"]], study = row["chain"], row["study"]
        for name in ("files", "made_by"):
            parts[name].update(content[name])
        parts["tables"].update(predictions_of(record.with_suffix(".parquet"), content))
    return Side(place, study, folders, chains, made_by=parts["made_by"], jsons=parts["files"], tables=parts["tables"])


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    names = ["study", "task", "seed", "cell", "chain", "runtime"]
    with readable(file, RECORDED):
        rows = pd.read_csv(file, usecols=names, dtype=str, keep_default_na=False)
    yield from ({str(name): value for name, value in row.items()} for row in rows.drop_duplicates().to_dict("records"))
