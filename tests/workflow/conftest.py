"""Copies of the repository in which the smoke study is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import Copy


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy in which the smoke study has run to its end. Tests that change it put it back."""
    copy = Copy(tmp_path_factory.mktemp("finished"))
    run = copy.run()
    assert run.code == 0, run.output[-5000:]
    return copy
