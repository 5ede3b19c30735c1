"""What `make` hands to Snakemake."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
