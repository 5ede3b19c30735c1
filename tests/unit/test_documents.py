"""Files that repeat one another are kept equal: pins, and the reference of a study's keys."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edgemin.cli.reference import DOCUMENTS, written
from edgemin.study import reference, registry

ROOT = Path(__file__).resolve().parents[2]
METHODS = (registry.OBJECTIVES, registry.STRUCTURES, registry.SCHEMES)


def _pins(name: str) -> list[str]:
    lines = (ROOT / "envs" / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))]


def test_the_conda_file_wraps_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs/edgemin.yaml").read_text(encoding="utf-8"))
    assert environment["dependencies"][-1]["pip"] == _pins("requirements.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "constraints.txt"])
def test_everything_is_pinned_to_one_version(name):
    assert all(line.count("==") == 1 and "," not in line for line in _pins(name))


def test_constraints_do_not_contradict_the_pins():
    pinned = dict(
        line.lower().replace("_", "-").split("==") for line in _pins("requirements.txt") + _pins("requirements-dev.txt")
    )
    constrained = dict(line.lower().replace("_", "-").split("==") for line in _pins("constraints.txt"))
    assert {name: pinned[name] for name in pinned.keys() & constrained.keys()} == {
        name: constrained[name] for name in pinned.keys() & constrained.keys()
    }


def test_every_key_of_a_study_is_explained():
    """Those of methods too, wherever they stand."""
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS)
    models = [*reference._models().values(), *(one for group in METHODS for one in group.all().values())]
    missing = {f"{model.__name__}.{field}" for model in models for field in model.model_fields if f"`{field}`" not in text}
    assert missing == set()


def test_what_is_written_from_the_settings_is_up_to_date():
    """`edgemin reference` would change nothing."""
    stale = {name for name, text in written(ROOT).items() if (ROOT / name).read_text(encoding="utf-8") != text}
    assert stale == set()


def test_the_site_builds_without_a_broken_link(tmp_path):
    """Strict: a link, an anchor or a page that is not there is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = tmp_path / "docs" / "methods.html"
    asked = re.findall(r'(?:href|src)="([^"]+\.(?:css|js))"', page.read_text(encoding="utf-8"))
    assert asked
    assert [one for one in asked if not (page.parent / one).is_file()] == [], "the theme is there"
