"""docs/worked-example.md, applied to a copy of the project and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def _blocks(text: str) -> list[tuple[str, str, str]]:
    """(the last .py file that the text before names, language, content) of every fenced block."""
    found, file = [], ""
    for part in re.finditer(r"`(workflow/[\w/]+\.py)`|^```(\w+)\n(.*?)^```", text, flags=re.M | re.S):
        file = part[1] or file
        if part[2]:
            found.append((file, part[2], part[3]))
    return found


def _apply(change: str, file: Path) -> None:
    """A diff without line numbers; what it takes away or leaves must stand there once."""
    lines = change.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name}: {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_worked_example_works(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    blocks = _blocks((ROOT / "docs/worked-example.md").read_text(encoding="utf-8"))
    changes = [block for block in blocks if block[1] == "diff"]
    assert len(changes) == 4
    for file, _, change in changes:
        _apply(change, tmp_path / file)
    [variants] = [yaml.safe_load(content) for _, language, content in blocks if language == "yaml"]
    study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    study["prune"] |= variants["prune"]
    study["cells"]["peak"] = "teacher/prune-heads50_peak"
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    asks = "import sys, yaml\nfrom edgemin.config import parse_study\nparse_study(yaml.safe_load(open(sys.argv[1])))\n"
    [example] = [content for _, language, content in blocks if language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", asks + example, str(tmp_path / "study.yaml")],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
