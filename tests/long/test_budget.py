"""Cuts to a time, end to end on the smoke study: shapes are timed once for two cuts in a row, and a time that no shape has ends the cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from copies import Copy
from loaded import jobs_of, uncovered

from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

MODELS = "results/smoke/models/snippets/seed0"
TARGET = {"quantized": False, "tokens": 16}


def cut(speedup: float, **settings: object) -> dict:
    return {"structure": "budget", "target": {"speedup": speedup, **TARGET}, "sentences": 32, **settings}


@pytest.fixture(scope="module")
def study(finished: Copy) -> str:
    recovery = [{"epochs": 1, "learning_rate": 5.0e-4, "batch_size": 16, "terms": [{"objective": "logits"}]}]

    def change(content: dict) -> None:
        content["prune"] |= {"faster": cut(1.3, recovery=recovery), "fast": cut(1.8), "never": cut(1000)}
        content["cells"] |= {"fast": "teacher/prune-faster/prune-fast", "never": "teacher/prune-never"}

    return finished.edit(change, to="config/budget_smoke.yaml")


def test_two_cuts_in_a_row_read_the_same_times(finished: Copy, study: str) -> None:
    """Nothing that the study has made is made again; what the two kinds of job load, their digests cover."""
    file = f"{MODELS}/teacher/prune-faster/prune-fast/model.onnx"
    run = finished.run("--", file, study=study)
    assert run.code == 0, run.output[-5000:]
    assert (run.jobs["time_shapes"], run.jobs["prune_to_time"], run.jobs["export_onnx"]) == (1, 2, 1)
    assert {"train_teacher", "distill_student", "prune_structured"}.isdisjoint(run.jobs)
    times = json.loads((finished.folder / "results/smoke/shapes/snippets/seed0/teacher/onnxruntime-float-16.json").read_text())
    assert [row["heads"] for row in times["shapes"][:4]] == [0, 1, 3, 4]
    assert times["sizes"] == {"hidden": 32, "head_dim": 8, "layers": 4}
    for chain, speedup in (("prune-faster", 1.3), ("prune-faster/prune-fast", 1.8)):
        told = json.loads((finished.folder / MODELS / "teacher" / chain / "history.json").read_text())["pruning"]
        assert told["ms"]["predicted"] <= times["teacher_ms"] / speedup * (1 + 1e-6)
    known = {job.rule: job for job in Jobs(Plan(read_study(str(finished.folder / study)))).all()}
    noted = jobs_of(finished)
    for rule in ("time_shapes", "prune_to_time"):
        assert uncovered(rule, noted[rule], known) == set()
    assert "Nothing to be done" in finished.dry(file, study=study).output


def test_a_time_that_no_shape_has_is_told_before_any_training(finished: Copy, study: str) -> None:
    run = finished.run("--", f"{MODELS}/teacher/prune-never/model.safetensors", study=study)
    assert run.code != 0
    (line,) = {line.split("error: ")[1] for line in run.errors}
    assert line.startswith("prune-never: target.speedup: 1000, but the fastest shape that may be left is ")
    assert "Traceback" not in run.output
    assert not Path(finished.folder, MODELS, "teacher/prune-never/model.safetensors").exists()
