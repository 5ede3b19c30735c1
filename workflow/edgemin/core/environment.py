"""Which copy of the package runs, and what jobs inherit: the import path, and quiet libraries."""

from __future__ import annotations

import os
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
            f"use the environment of that folder (make there), or run: pip install --no-deps -e {expected.parents[1]}"
        )


def share_import_path(folders: Iterable[str]) -> None:
    """Let every Python process that is started from here import from these folders first: a job in a conda environment has no other way."""
    paths = [*folders, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
