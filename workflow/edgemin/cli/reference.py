"""The files that are written from the settings."""

from __future__ import annotations

import sys
from pathlib import Path

from edgemin.core.errors import EdgeminError
from edgemin.study.reference import filled, schema_text

SCHEMA = "workflow/schemas/study.schema.json"
DOCUMENTS = ("config/README.md", "docs/methods.md")
"""Documents with parts that are generated from the settings."""


def run(tree: Path) -> int:
    """Rewrite them in the tree of a clone. Raises EdgeminError if it is none."""
    if sys.flags.optimize > 1:
        raise EdgeminError("PYTHONOPTIMIZE: Python has left out the docstrings that are to be written; unset it")
    for name in (SCHEMA, *DOCUMENTS):
        if not (tree / name).is_file():
            raise EdgeminError(f"{tree / name}: no such file; run this in a clone of the repository")
    for name, text in written(tree).items():
        (tree / name).write_text(text, encoding="utf-8")
        print(f"written: {name}")
    return 0


def written(tree: Path) -> dict[str, str]:
    """Name of a file -> what it should be, given what is there."""
    documents = {name: filled((tree / name).read_text(encoding="utf-8"), name) for name in DOCUMENTS}
    return {SCHEMA: schema_text(), **documents}
