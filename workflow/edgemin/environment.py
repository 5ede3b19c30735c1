"""What jobs inherit: the import path, and quiet libraries."""

from __future__ import annotations

import os
from collections.abc import Iterable


def share_import_path(folders: Iterable[str]) -> None:
    """Let every Python process that is started from here import from these folders first."""
    paths = [*folders, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
