"""The command `edgemin`: what it is asked, how it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgemin
from edgemin.cli import reference
from edgemin.cli.main import COMMANDS, DEFAULT, main
from edgemin.study.reference import filled, schema_text

ROOT = Path(__file__).parents[2]


def test_the_installed_command_is_this_one():
    """As `make` runs it."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("edgemin")), "--version"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == f"{edgemin.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["status", "a.yaml", "b.yaml"], ["reference", "a.yaml"]])
def test_what_is_no_command_ends_with_2_and_tells_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: edgemin")


@pytest.mark.parametrize("command", [*COMMANDS, "status"])
def test_without_a_file_it_is_the_default_study(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([command]) == 2
    assert capsys.readouterr().err.startswith(f"error: {DEFAULT}: cannot be read as YAML")
    assert (ROOT / DEFAULT).is_file()


@pytest.mark.parametrize("command", [*COMMANDS, "status"])
def test_every_problem_of_a_study_is_a_line_with_its_file(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("study: A\nnothing: 1\n", encoding="utf-8")
    assert main([command, "bad.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 2
    assert all(line.startswith("error: bad.yaml: ") for line in lines)


@pytest.mark.parametrize("command", [*COMMANDS, "status", "reference"])
def test_in_another_clone_its_own_command_is_wanted(command, tmp_path, monkeypatch, capsys):
    """The package that runs is not the one of the folder that it runs in: their jobs and paths may differ."""
    monkeypatch.chdir(tmp_path)
    Path("workflow/edgemin").mkdir(parents=True)
    Path("Snakefile").touch()
    assert main([command]) == 2
    assert capsys.readouterr().err.startswith(f"error: the package edgemin is imported from {ROOT}/workflow/edgemin, but")


def test_the_schema_and_the_documents_are_written_from_the_settings(tmp_path):
    for name in (reference.SCHEMA, *reference.DOCUMENTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / reference.SCHEMA).write_text("{}", encoding="utf-8")
    (tmp_path / "config/README.md").write_text("before\n<!-- keys: Splits -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    assert reference.run(tmp_path) == 0
    assert (tmp_path / reference.SCHEMA).read_text(encoding="utf-8") == schema_text()
    text = (tmp_path / "config/README.md").read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- keys: Splits -->\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text
    assert "`validation`" in text
    assert filled(text, "config/README.md") == text


def test_outside_a_clone_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reference"]) == 2
    assert capsys.readouterr().err == f"error: {reference.SCHEMA}: no such file; run this in a clone of the repository\n"
    assert list(tmp_path.iterdir()) == []
