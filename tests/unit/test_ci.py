"""The workflows of GitHub: what they use is pinned, and what they run is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgemin.cli.main import parser

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = {"actions/checkout@v4", "actions/setup-python@v5", "actions/upload-artifact@v4"}
"""Actions, by tags that are there."""


def read(file: Path) -> dict[Any, Any]:
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    told["on"] = told.pop(True)  # YAML 1.1 reads the key so
    return told


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """Of all jobs; a job that calls another workflow is a step."""
    for job in read(file)["jobs"].values():
        yield from job.get("steps", [job])


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "smoke.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_used_is_pinned_or_here(file: Path) -> None:
    used = [step["uses"] for step in steps(file) if "uses" in step]
    assert used
    for name in used:
        assert name in PINNED or (name.startswith("./") and (ROOT / name).is_file()), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_run_is_there(file: Path) -> None:
    """A script, a target of make, or a command of edgemin with arguments that it takes."""
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    run = [step["run"] for step in steps(file) if "run" in step]
    assert run
    for command in run:
        subprocess.run(["bash", "-n", "-c", command], check=True)
        program, *words = shlex.split(command)
        if program == "make":
            assert words[-1] in targets, command
        elif program.endswith("/edgemin"):
            assert parser().parse_args(words).command == words[0]
        else:
            assert os.access(ROOT / program, os.X_OK), command


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_inputs_are_declared_and_reach_shells_as_variables(file: Path) -> None:
    told = read(file)
    inputs = set(told["on"].get("workflow_call", {}).get("inputs", {}))
    used = set(re.findall(r"\$\{\{[^}]*?inputs\.([\w-]+)", file.read_text(encoding="utf-8")))
    assert used == inputs
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_call_of_a_workflow_gives_what_that_asks(file: Path) -> None:
    for step in steps(file):
        if step.get("uses", "").startswith("./"):
            inputs = read(ROOT / step["uses"])["on"]["workflow_call"]["inputs"]
            assert set(step["with"]) <= set(inputs)
            assert {name for name, told in inputs.items() if told.get("required")} <= set(step["with"])
            assert (ROOT / step["with"]["study"]).is_file()


def test_rights_are_to_read() -> None:
    assert all(read(file)["permissions"] == {"contents": "read"} for file in FILES)
