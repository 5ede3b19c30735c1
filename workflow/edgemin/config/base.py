"""What all study models share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100, description="lower-case letters, digits and underscores")
]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file, 64 hex digits")]


def _plain(path: str) -> str:
    if bad := sorted({character for character in path if character in "{}\x7f" or character < " "}):
        raise ValueError(f"{path!r} has {bad[0]!r} in it (braces are Snakemake's wildcards); rename the file or folder")
    return path


LocalPath = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
"""Relative to where Snakemake runs, or absolute."""


class Strict(BaseModel):
    """Unknown keys are refused, values are checked (no number is infinite), nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
