"""What is said of a study before and while it runs: by hand, on files made here."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgemin import overview, status
from edgemin.config import parse_study
from edgemin.plan import Plan


@pytest.fixture
def plan(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Plan(parse_study(changed({"seeds": [0, 1], "tables": {}})))


def _finish(job: status.Job, root: Path, seconds: float | None = None) -> None:
    for output in job.outputs:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).touch()
    if seconds is not None:
        file = root / "benchmarks" / f"{job.name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n", encoding="utf-8")


def _log(job: status.Job, root: Path, line: str, age: float = 0) -> None:
    file = root / "logs" / f"{job.name}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"12:00:00 [x] begins\n{line}\n", encoding="utf-8")
    os.utime(file, (time.time() - age,) * 2)


def test_the_overview_counts_by_hand(changed):
    """The ladder has 1, 2, 3, 4 and 4 links with the teacher: 14, of which 5 differ; the teacher, kd and the recovery train."""
    study = parse_study(changed({"seeds": [0, 1]}))
    assert overview.count(study) == {
        "cells": 5,
        "seeds": 2,
        "tasks": 1,
        "models": 2 * 5,
        "models_unshared": 2 * 14,
        "trainings": 2 * 3,
        "trainings_unshared": 2 * (5 + 4 + 3),
    }
    assert overview.said(study) == (
        "study smoke: 5 cells × 2 seeds (5 by default) from 10 models that are shared, 28 if none were; 6 trainings instead of 24"
    )


def test_a_cut_without_recovery_is_no_training(changed):
    study = parse_study(changed({"prune.heads25": {"ratio": 0.25}}))
    assert overview.count(study)["trainings"] == 2


def test_jobs_of_a_cell(plan):
    """Two seeds, each with four models, the export that is quantized, and three measurements."""
    jobs = status.jobs_of(plan, "edgemin")
    assert len(jobs) == 2 * (4 + 1 + 3)
    assert [job.kind for job in jobs[:8]] == ["teacher", "distill", "prune", "quantize", "export", "quality", "size", "latency"]
    assert jobs[3].outputs[0] == f"results/smoke/models/{jobs[3].name.removeprefix('models/')}/model.onnx"


def test_nothing_has_begun(plan):
    head, *lines = status.report(plan).splitlines()
    assert head.startswith("study smoke: 5 cells: 5 waiting; about 0:00 h and ")
    assert [line.split()[0] for line in lines] == ["waiting"] * 5


def test_done_running_failed_and_interrupted(plan, tmp_path):
    """A log that is younger than the lock is a running job's; one that is older was left by a run that ended."""
    root = Path(plan.root)
    for job in status.jobs_of(plan, "teacher"):
        _finish(job, root)
    kd, prune = (next(job for job in status.jobs_of(plan, "kd_prune") if job.kind == kind) for kind in ("distill", "prune"))
    _log(kd, root, "12:00:01 [x] step 3 of 9")
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60,) * 2)
    lines = {line.split()[1]: line for line in status.report(plan).splitlines()[1:]}
    assert lines["teacher"].startswith("done ")
    assert lines["kd"].startswith("running ")
    assert lines["kd"].endswith("distill: 12:00:01 [x] step 3 of 9")
    _log(kd, root, "12:00:01 [x] step 3 of 9", age=3600)
    assert "kd                          " in status.report(plan).split("interrupted", 2)[2]
    lock.unlink()
    _finish(kd, root)
    _log(prune, root, "12:00:02 [x] error: prune.heads25: cannot")
    lines = {line.split()[1]: line for line in status.report(plan).splitlines()[1:]}
    assert lines["kd_prune"].startswith("failed ")
    assert "error: prune.heads25: cannot" in lines["kd_prune"]


def test_what_is_left_is_estimated_from_jobs_of_the_kind(plan):
    """Seed 0's teacher took 600 s and its student 1,200: of all cells the other seed's two are left, and 32 unknown ones fewer."""
    root = Path(plan.root)
    jobs = list(dict.fromkeys(job for cell in plan.study.cells for job in status.jobs_of(plan, cell)))
    for job in jobs:
        known = {"teacher": 600, "distill": 1200}.get(job.kind)
        if "seed0" in job.name and known:
            _finish(job, root, known)
        elif known is None:
            _finish(job, root)
    head = status.report(plan).splitlines()[0]
    assert head.endswith("about 0:30 h left by default, 0:30 h for all cells")


def test_a_bad_file_is_named(tmp_path, capsys):
    for content in ("study: [", "- 1"):
        (tmp_path / "s.yaml").write_text(content, encoding="utf-8")
        assert status.main([str(tmp_path / "s.yaml")]) == 1
        assert "s.yaml" in capsys.readouterr().err
