from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / "envs/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_pin_stands_in_the_table_of_licences(audit):
    """At its version: whoever changes a pin runs `make licences`."""
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    wanted = {pin for name in audit.LISTS for pin in audit.pins(name).items()}
    assert len(wanted) > 100
    assert {(package, version) for package, version in wanted if f"| {package} | {version} | " not in text} == set()


def test_licences_are_those_of_the_metadata(audit):
    """As their projects say of themselves."""
    known = {"torch": "BSD-3-Clause", "snakemake": "MIT", "transformers": "Apache", "hypothesis": "MPL-2.0"}
    assert {package: name for package, name in known.items() if name not in audit.licence(package)} == {}


@pytest.mark.parametrize(
    ("packages", "code", "told"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages audited, 0 advisories"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2", "3"]}]}], 1, "a 1: X-1, mended in 2, 3"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": []}]}], 1, "a 1: X-1, mended in no version yet"),
        (
            [{"name": "a", "skip_reason": "?"}, {"name": "b", "version": "1", "vulns": []}],
            0,
            "1 packages audited, 0 advisories\n1 not audited",
        ),
    ],
)
def test_advisories_fail_and_silence_is_told(audit, capsys, packages, code, told):
    assert audit.verdict(json.dumps({"dependencies": packages}), "") == code
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["", "no JSON", "{}", "[]"])
def test_without_a_network_it_says_so_and_passes(audit, capsys, answer):
    assert audit.verdict(answer, "Traceback\nConnectionError: unreachable") == 0
    assert capsys.readouterr().out == "not audited: the advisory database could not be asked: ConnectionError: unreachable\n"
