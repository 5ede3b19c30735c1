from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgemin.core.environment import check_tree, share_import_path
from edgemin.core.errors import EdgeminError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("before", "after"), [("", "x:y"), ("a:y", "x:y:a")])
def test_our_folders_come_first_and_once(monkeypatch, before, after):
    monkeypatch.setenv("PYTHONPATH", before.replace(":", os.pathsep))
    share_import_path(["x", "y"])
    assert os.environ["PYTHONPATH"] == after.replace(":", os.pathsep)


def test_libraries_are_quiet_unless_the_user_says_otherwise(monkeypatch):
    for said, told in ((None, "false"), ("true", "true")):
        monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
        if said:
            monkeypatch.setenv("TOKENIZERS_PARALLELISM", said)
        share_import_path([])
        assert os.environ["TOKENIZERS_PARALLELISM"] == told


def test_jobs_import_from_where_they_are_told(tmp_path, monkeypatch):
    """A copy of the package goes before one that is installed, in whatever is started from here."""
    (tmp_path / "edgemin").mkdir()
    (tmp_path / "edgemin/__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "workflow"))
    share_import_path([str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", "import edgemin; print(edgemin.__file__)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "edgemin/__init__.py")


@pytest.mark.parametrize("tree", [str(ROOT), ROOT, ROOT / "workflow/..", Path(os.path.relpath(ROOT))])
def test_the_package_of_this_tree_is_known_however_the_tree_is_written(tree):
    check_tree(tree)


def test_a_link_to_this_tree_is_this_tree(tmp_path):
    (tmp_path / "link").symlink_to(ROOT)
    check_tree(tmp_path / "link")


def test_another_clone_is_refused_with_both_places_and_the_remedy(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "workflow/edgemin/core", other / "workflow/edgemin/core")
    with pytest.raises(EdgeminError) as error:
        check_tree(other)
    assert str(error.value) == (
        f"the package edgemin is imported from {ROOT}/workflow/edgemin, but this Snakefile belongs to {other}/workflow/edgemin; "
        f"use the environment of that folder (make there), or run: pip install --no-deps -e {other}"
    )
