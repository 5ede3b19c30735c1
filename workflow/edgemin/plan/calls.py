"""The command that runs a study again, as tables, the page and model cards print it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path


def call(
    files: Iterable[Path | str],
    config: Sequence[str] = (),
    snakefile: Path | str = "Snakefile",
    working: Path | str = "",
    options: Sequence[str] = (),
) -> str:
    """`snakemake --cores all --configfile config/mine.yaml --`, quoted for a shell; a target follows.

    files: of the study; overlays come after the files that they change. config: further `--config` values, as `key=value`. options: others, behind them. Paths are relative
    to `working`, the folder in which Snakemake runs (by default the current one). A Snakefile outside it is named.
    """
    parts = ["snakemake", "--cores", "all"]
    if (path := _relative(snakefile, working)) != "Snakefile":
        parts += ["--snakefile", path]
    parts += ["--configfile", *(_relative(file, working) for file in files)]
    if config:
        parts += ["--config", *config]
    return shlex.join([*parts, *options, "--"])


def _relative(file: Path | str, working: Path | str) -> str:
    """A path relative to that folder. A leading dash gets `./`, so that it is not read as an option."""
    path = os.path.relpath(file, working or Path.cwd())
    return f"./{path}" if path.startswith("-") else path
