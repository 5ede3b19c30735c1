"""The base of all settings models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file, 64 hex digits")]
F = TypeVar("F", bound=Callable[..., Any])


def _plain(path: str) -> str:
    if bad := sorted({character for character in path if character in "{}\x7f" or character < " "}):
        raise ValueError(f"{path!r} has {bad[0]!r} in it (braces are Snakemake's wildcards); rename the file or folder")
    return path


LocalPath = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
"""Relative to where Snakemake runs, or absolute."""


class Strict(BaseModel):
    """Unknown keys are refused, values are checked (no number is infinite), nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


@dataclass(frozen=True)
class AsBefore:
    """Metadata of a key that was added later: with this value everything is as it was before the key came.

    A spec leaves the key out while it has this value, so the new key runs no job again:
    `label_smoothing: Annotated[float, AsBefore(0.0)] = 0.0`.
    """

    value: Any


def refuses(method: F) -> F:
    """Mark a method of settings that only raises, or in an annotation an attribute that only such methods read: it changes no result, so no
    digest covers it (see `core.code_digest`)."""
    return method


def spec_of(value: Any) -> Any:
    """Settings as plain JSON types, for the spec of a job: all defaults filled in, later keys left out while they are as before."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            name: spec_of(getattr(value, name))
            for name, field in fields.items()
            if not _as_before(field.metadata, getattr(value, name))
        }
    if isinstance(value, dict):
        return {str(name): spec_of(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [spec_of(item) for item in value]
    assert value is None or isinstance(value, str | int | float | bool), type(value)
    return value


def _as_before(metadata: list[Any], value: Any) -> bool:
    return any(isinstance(one, AsBefore) and one.value == value for one in metadata)
