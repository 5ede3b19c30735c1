"""The examples of docs/extending.md, added to a finished smoke study: new files alone, new jobs alone. They are run in tests/long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from copies import ROOT, Copy
from examples import EXAMPLES, merged

MEASURED = {"measure_quality", "measure_size", "measure_latency"}
COLLECTED = {
    "collect_results",
    "table_cells",
    "write_study",
    "page",
    "plot_stagewise",
    "plot_pareto_latency",
    "plot_pareto_size",
    "table_recommendation",
    "tables",
}
# What the dry run has to list besides the collecting rules: the jobs of the new cell, in both runtimes if it is a float one.
ONE = {**dict.fromkeys(MEASURED, 1), "measure_round": 2}
BOTH = {rule: 2 * count for rule, count in ONE.items()}
NEW_JOBS: dict[str, dict[str, int]] = {
    "An objective": {"cache_teacher": 1, "distill_student": 1, "export_onnx": 1, **BOTH},
    "A pruning criterion": {"prune_structured": 1, "export_onnx": 1, **BOTH},
    "A structure to prune": {"prune_structured": 1, "export_onnx": 1, **BOTH},
    "A quantization scheme": {"quantize_model_onnxruntime": 1, "accept_cell": 1, **ONE},
    "A runtime": {rule: 3 * count for rule, count in ONE.items()},  # of the three float cells
    "A table": {"table_files": 1},
    "A family of encoders": {"prepare_encoder": 1, "tokenize_texts": 3, "distill_student": 1, "export_onnx": 1, **BOTH},
}
ALSO_TRAINED_ON = {"cache_teacher"}
"""A teacher's signals go when a run has ended well; whoever trains on them has them computed again."""


def test_there_are_seven_and_each_has_its_files() -> None:
    assert set(EXAMPLES) == set(NEW_JOBS)
    assert all(example.files and example.study for example in EXAMPLES.values())


def test_new_files_alone_run_nothing(extended: Copy) -> None:
    """Eleven new files, and the study as it was: everything stays."""
    run = extended.dry()
    assert run.code == 0, run.output[-3000:]
    assert "Nothing to be done" in run.output


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_the_new_cell_and_what_collects_is_run(extended: Copy, name: str) -> None:
    study = extended.edit(lambda content: merged(content, EXAMPLES[name].study), to="config/extended.yaml")
    targets = ("table_files",) if name == "A table" else ()
    jobs = extended.dry(*targets, study=study).jobs
    new = {rule: count for rule, count in jobs.items() if rule not in COLLECTED}
    if name == "A family of encoders":
        new = {rule: count for rule, count in new.items() if rule not in ALSO_TRAINED_ON}
    assert new == NEW_JOBS[name]


def test_a_criterion_scored_by_hand(extended: Copy, tmp_path: Path) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"## A number by hand.*?```python\n(.*?)```", text, re.DOTALL)
    run = extended.python("-c", code)
    assert run.code == 0, run.output
