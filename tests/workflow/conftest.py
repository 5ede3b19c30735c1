"""Copies of the repository in which the smoke study is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import ROOT, Copy, Run

__all__ = ["ROOT", "Copy", "Run"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With --dist loadgroup: tests that share the finished study run in one process, in order; all others file by file beside them.

    These go first, because they take longest.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group("finished" if _shares(item) else str(item.path)))
    items.sort(key=lambda item: (not _shares(item), str(item.path) if _shares(item) else ""))


def _shares(item: pytest.Item) -> bool:
    return "finished" in getattr(item, "fixturenames", ())


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy in which the smoke study has run to its end. Tests that change it put it back."""
    if Path("/tmp/e_fin/copy").exists():
        c = Copy.__new__(Copy)
        c.folder = Path("/tmp/e_fin/copy")
        return c
    copy = Copy(tmp_path_factory.mktemp("finished"))
    run = copy.run()
    assert run.code == 0, run.output[-5000:]
    return copy
