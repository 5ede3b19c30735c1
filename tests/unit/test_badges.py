"""Badges of the README."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgemin.cli import badges

ROOT = Path(__file__).resolve().parents[2]
NAME = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{NAME}text")]


def test_they_say_what_the_project_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made = {file: texts(svg) for file, svg in badges.badges(ROOT, 7).items()}
    assert made == {
        "docs/images/badge-version.svg": ["version", project["version"]],
        "docs/images/badge-python.svg": ["python", "≥ " + project["requires-python"].removeprefix(">=")],
        "docs/images/badge-licence.svg": ["licence", project["license"]],
        "docs/images/badge-record.svg": ["record", "7 studies"],
    }


def test_the_readme_has_each_once():
    used = re.findall(r"!\[\w+\]\((docs/images/badge-\w+\.svg)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert used == list(badges.badges(ROOT, 1))


@pytest.mark.parametrize(("label", "text"), [("a<b", "1 & 2"), ("long label", '"quoted"')])
def test_any_text_is_drawn_as_it_is(label, text):
    drawing = ElementTree.fromstring(badges.svg(label, text))
    assert texts(badges.svg(label, text)) == [label, text]
    assert drawing.get("aria-label") == f"{label}: {text}"
    halves = [float(one.get("width")) for one in drawing.iter(f"{NAME}rect")]
    assert float(drawing.get("width")) == pytest.approx(sum(halves), abs=0.11)
