"""Two processes for all tests: those that share the finished study run in one of them, in order; all others file by file beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)  # a `make` that a test starts is nobody's part, though `make test` runs the test

ALONE = ("test_bad_input.py", "test_dag.py", "test_own_data.py", "test_page.py")
"""Files of tests/workflow that make their own studies."""


def _shares(file: Path) -> bool:
    return file.parent.name == "workflow" and file.name not in ALONE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares the study goes first, because it takes longest."""
    items.sort(key=lambda item: (not _shares(item.path), str(item.path) if _shares(item.path) else ""))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Not xdist's `loadgroup`: with pytest 9.2 version 3.8 of xdist leaves every test in a group of its own."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "finished" if _shares(Path(file)) else file

    return Files(config, log)
