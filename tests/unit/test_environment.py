from __future__ import annotations

import os

import pytest

from edgemin.environment import share_import_path


@pytest.mark.parametrize(("before", "after"), [("", "x:y"), ("a:y", "x:y:a")])
def test_our_folders_come_first_and_once(monkeypatch, before, after):
    monkeypatch.setenv("PYTHONPATH", before.replace(":", os.pathsep))
    share_import_path(["x", "y"])
    assert os.environ["PYTHONPATH"] == after.replace(":", os.pathsep)
