"""Which copy of the package runs, and what jobs inherit: the import path, and quiet libraries."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from edgemin.core.errors import EdgeminError

PACKAGE = Path(__file__).resolve().parents[1]


def check_tree(tree: Path | str) -> None:
    """Raises EdgeminError unless the running package is the one of `tree`, the folder with the Snakefile."""
    expected = Path(tree).resolve() / "workflow" / "edgemin"
    if expected != PACKAGE:
        raise EdgeminError(
            f"the package edgemin is imported from {PACKAGE}, but this Snakefile belongs to {expected}; "
            f"use the environment of that folder (make there), or run: pip install --no-deps -e {shlex.quote(str(expected.parents[1]))}"
        )


def quote_interpreter() -> None:
    """Snakemake puts the path of its Python into command lines as it is: one with a space or a quote has to arrive in quotes."""
    if Path(sys.executable).exists():  # and not in quotes already
        sys.executable = shlex.quote(sys.executable)


def share_import_path(folders: Iterable[str]) -> None:
    """Let every Python process that is started from here import from these folders first: a job in a conda environment has no other way."""
    paths = [*folders, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
