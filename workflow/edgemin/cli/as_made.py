"""The study that results were made with, where it is not that of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgemin.core.errors import EdgeminError
from edgemin.core.files import sha256
from edgemin.core.provenance import digest
from edgemin.core.recorded import digest_file, recorded
from edgemin.plan.plan import Plan
from edgemin.study.base import spec_of
from edgemin.study.read import parse_study, read_study


class AsMade:
    """The study that the results were made with: that of the file, or another by `--config` and overlays; it is beside the results."""

    def __init__(self, file: str) -> None:
        self.study = read_study(file)
        self.file, self.config = file, list[str]()
        """What Snakemake is given of that study: a file, and values of `--config`."""
        self.difference = ""
        """How it differs from the file's."""
        beside = Path(Plan(self.study).paths.effective_study)
        path = digest_file(beside)
        kept = path if path and path.is_file() else None
        if kept or beside.is_file():
            self._compare(file, beside, recorded(kept) if kept else None)

    def _compare(self, file: str, beside: Path, entry: tuple[Path, str] | None) -> None:
        try:
            made = read_study(str(beside)) if entry is None or sha256(beside) == entry[1] else None
        except (EdgeminError, OSError):  # of another version, or missing
            made = None
        if made is None:
            self.difference = f"how the results were made is not known, since {beside} cannot be read: if --config or overlays were given, add them"
        elif changes := _changes(self.study.model_dump(mode="json"), made.model_dump(mode="json")):
            self.difference = f"the results were made with other settings than {file} has: {', '.join(changes)}"
            self._take(file, beside, changes)

    def _take(self, file: str, beside: Path, changes: Mapping[str, Any]) -> None:
        """The file with `--config`, read as Snakemake does (all texts), or the one beside the results: what gives the same specs to the letter, 0 and 0.0
        distinguished."""
        effective = _read(beside)
        values = {key: "" if value is None else json.dumps(value, ensure_ascii=False) for key, value in changes.items()}
        given = {key: yaml.BaseLoader(value).get_single_data() for key, value in values.items()}
        with_values = [f"{key}={value}" for key, value in values.items()]
        for content, name, config in ((_updated(_read(Path(file)), given), file, with_values), (effective, str(beside), [])):
            try:
                study = parse_study(content)
            except EdgeminError:
                continue
            if digest(spec_of(study)) == digest(effective):
                self.study, self.file, self.config = study, name, config
                return
        self.difference += "; the command takes those of the file"


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _changes(old: Any, new: Any) -> Any:
    """What `new` has otherwise, at any depth; a list is one value."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {key: _changes(old.get(key), value) for key, value in new.items() if key not in old or old[key] != value}


def _updated(config: Any, values: Any) -> Any:
    """As Snakemake lays values over a config."""
    if not isinstance(values, Mapping):
        return values
    config = config if isinstance(config, Mapping) else {}
    return {**config, **{key: _updated(config.get(key), value) for key, value in values.items()}}
