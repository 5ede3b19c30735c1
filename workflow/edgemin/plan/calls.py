"""The command that runs a study again, as tables, the page and model cards print it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path


def call(
    files: Iterable[Path | str], config: Sequence[str] = (), snakefile: Path | str = "Snakefile", working: Path | str = ""
) -> str:
    """`snakemake --cores all --configfile config/mine.yaml --`, quoted for a shell; a target follows.

    files: of the study, overlays after what they change. config: what `--config` was given besides, as `key=value`. Paths come out relative to `working`, the
    folder in which Snakemake runs (by default the current one); a Snakefile that is not in it is named.
    """
    parts = ["snakemake", "--cores", "all"]
    if (told := _relative(snakefile, working)) != "Snakefile":
        parts += ["--snakefile", told]
    parts += ["--configfile", *(_relative(file, working) for file in files)]
    if config:
        parts += ["--config", *config]
    return shlex.join([*parts, "--"])


def _relative(file: Path | str, working: Path | str) -> str:
    """A path as it is given in that folder; one that begins with a dash is no option."""
    found = os.path.relpath(file, working or Path.cwd())
    return f"./{found}" if found.startswith("-") else found
