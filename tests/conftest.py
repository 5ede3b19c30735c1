"""Copies of the repository, one with a finished smoke study; and how two processes share all tests: those that need the finished study run
in one of them, in order, all others file by file beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from copies import Copy

for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)  # a `make` that a test starts is nobody's part, though `make test` runs the test

SHARING = ("test_smoke.py", "test_extending.py")
"""Files of tests/workflow that need the finished study."""


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture(scope="session")
def _first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Copy, list[str]]:
    copy = Copy(tmp_path_factory.mktemp("finished"))
    run = copy.run()
    assert run.code == 0, run.output[-5000:]
    return copy, copy.made()


@pytest.fixture(scope="session")
def finished(_first_run: tuple[Copy, list[str]]) -> Copy:
    """A copy in which the smoke study has run to its end. Tests that change it put it back."""
    return _first_run[0]


@pytest.fixture(scope="session")
def ordinary(_first_run: tuple[Copy, list[str]]) -> list[str]:
    """The files that the smoke study makes, before any test has built more."""
    return _first_run[1]


@pytest.fixture(scope="session")
def extended(finished: Copy, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The finished copy with the examples of docs/extending.md."""
    from examples import extend

    return extend(Copy(tmp_path_factory.mktemp("extended")), finished)


def _shares(file: Path) -> bool:
    return file.parent.name == "long" or (file.parent.name == "workflow" and file.name in SHARING)


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
