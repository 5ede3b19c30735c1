"""What `make` hands to Snakemake."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "seeds",
    ["seeds:\n- 3\n- 4\n", "seeds: [3,\n  4]\n", "seeds : [3, 4]\n", "seeds: [3, 4]  # not [1, 2]\n", '"seeds": [3, 4]\n'],
)
def test_its_seeds_are_read_as_yaml(seeds, tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(f"study: x\n{seeds}", encoding="utf-8")
    run = subprocess.run(["make", "-n", "evidence", f"STUDY={study}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"seeds=\[(.*?)\]", run.stdout) == ["3,4"]


def test_seeds_that_cannot_be_read_are_no_three(tmp_path):
    run = subprocess.run(
        ["make", "-n", "evidence", f"STUDY={tmp_path}/none.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode
    assert "none.yaml: its seeds cannot be read; give SEEDS=0,1,2" in run.stderr


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (["STUDY=config/evidence.yaml"], "0,1,2,3,4,5,6,7"),
        (["STUDY=config/quick.yaml"], "0,1,2"),
        ([], "0,1,2"),
        (["STUDY=config/evidence.yaml", "SEEDS=4,5"], "4,5"),
    ],
)
def test_evidence_is_over_the_seeds_of_the_study_or_three(words, seeds):
    """Three where the study has one, those that are asked for in any case."""
    run = subprocess.run(["make", "-n", "evidence", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"seeds=\[(.*?)\]", run.stdout) == [seeds]
