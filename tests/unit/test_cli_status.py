"""What is said of a study before and while it runs: by hand, on files made here."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from edgemin.cli import status
from edgemin.cli.main import main
from edgemin.core.files import write_json
from edgemin.core.machine import machine_class
from edgemin.plan import overview
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


@pytest.fixture
def plan(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Plan(parse_study(changed({"seeds": [0, 1], "tables": {}})))


def _steps(plan: Plan, cell: str) -> list[status.Step]:
    return status.steps_of(Jobs(plan), plan, [cell])[cell]


def _finish(step: status.Step, seconds: float | None = None) -> None:
    for output in step.outputs:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).touch()
    if seconds is not None:
        file = Path(step.benchmark)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n", encoding="utf-8")


def _log(step: status.Step, line: str, age: float = 0) -> None:
    file = Path(step.log)
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
    assert overview.summary(study) == (
        "study smoke: 5 cells × 2 seeds (5 by default) from 10 models that are shared, 28 if none were; 6 trainings instead of 24"
    )


CASCADES = {"baselines": {"tfidf": {}}, "cascades": {"fast": ["tfidf", "edgemin", "teacher"]}}


def test_a_cascade_has_a_line_of_its_own(changed, tmp_path, monkeypatch):
    """Its rounds and what pools them, of both seeds; its members are cells and baselines."""
    monkeypatch.chdir(tmp_path)
    plan = Plan(parse_study(changed({"seeds": [0, 1], "tables": {}, **CASCADES})))
    jobs = Jobs(plan)
    steps = status.cascades_of(jobs, plan)["fast"]
    assert [step.kind for step in steps] == [*["cascade round"] * 2, "cascade"] * 2
    folder = "results/smoke/measurements/snippets/seed1/cascade-fast/onnxruntime"
    assert steps[-1].outputs == (f"{folder}/latency.json",)
    assert steps[3].outputs[0] == f"{folder}/rounds/1/latency.json"
    head, *lines = str(status.standing(plan)).splitlines()
    assert head.startswith("study smoke: 5 cells, 1 baseline, 1 cascade: 7 waiting; ")
    assert sum(line.startswith("waiting     fast ") for line in lines) == 1
    for step in steps:
        _finish(step)
    assert "done        fast                        6 of 6 jobs" in str(status.standing(plan))


def test_a_cut_without_recovery_is_no_training(changed):
    study = parse_study(changed({"prune.heads25": {"ratio": 0.25}}))
    assert overview.count(study)["trainings"] == 2


def test_jobs_of_a_cell(plan):
    """Two seeds, each with four models, the export that is quantized, and four measurements, of which two are the teacher's and its own."""
    steps = _steps(plan, "edgemin")
    assert len(steps) == 2 * (4 + 1 + 2 + 2 * 3)
    assert [step.kind for step in steps[:13]] == [
        "teacher",
        "distill",
        "prune",
        "quantize",
        "export",
        "quality",
        "size",
        *["round", "round", "latency"] * 2,
    ]
    name = f"models/snippets/seed0/{plan.study.chain('edgemin')}"
    assert steps[3].outputs[0] == f"results/smoke/{name}/model.onnx"
    assert (steps[3].log, steps[3].benchmark) == (f"results/smoke/logs/{name}.log", f"results/smoke/benchmarks/{name}.tsv")


def test_of_a_study_without_a_page_what_its_tables_read_is_measured(changed):
    choice = {"asks": "which", "among": ["kd", "kd_prune"], "chosen": "kd"}
    for by, also in (({}, []), ({"by": "fewer", "below": "kd", "within": 0.5}, ["size"])):
        plan = Plan(parse_study(changed({"page": [], "tables": {"choice": [choice | by]}})))
        kinds = [step.kind for step in _steps(plan, "kd")]
        assert kinds == ["teacher", "distill", "export", "quality", *also]


def test_nothing_has_begun(plan):
    head, *lines = str(status.standing(plan)).splitlines()
    assert head.startswith("study smoke: 5 cells, 2 baselines: 7 waiting; about 0:00 h and ")
    assert "count as done" not in head
    assert [line.split()[0] for line in lines] == ["waiting"] * 7


def test_done_running_failed_and_interrupted(plan, tmp_path):
    """A log that is younger than the lock is a running job's; one that is older was left by a run that ended."""
    for step in _steps(plan, "teacher"):
        _finish(step)
    kd, prune = (next(step for step in _steps(plan, "kd_prune") if step.kind == kind) for kind in ("distill", "prune"))
    _log(kd, "12:00:01 [x] step 3 of 9")
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60,) * 2)
    lines = {line.split()[1]: line for line in str(status.standing(plan)).splitlines()[1:]}
    assert lines["teacher"].startswith("done ")
    assert lines["kd"].startswith("running ")
    assert lines["kd"].endswith("distill: 12:00:01 [x] step 3 of 9")
    _log(kd, "12:00:01 [x] step 3 of 9", age=3600)
    assert "kd                          " in str(status.standing(plan)).split("interrupted", 2)[2]
    lock.unlink()
    _finish(kd)
    _log(prune, "12:00:02 [x] error: prune.heads25: cannot")
    lines = {line.split()[1]: line for line in str(status.standing(plan)).splitlines()[1:]}
    assert lines["kd_prune"].startswith("failed ")
    assert "error: prune.heads25: cannot" in lines["kd_prune"]


def test_a_job_that_died_with_a_traceback_has_failed(plan, tmp_path):
    """Its log is the last thing that is younger than the lock, while Snakemake goes on with others."""
    spec = importlib.util.spec_from_file_location("job", SCRIPTS / "job.py")
    frame = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(frame)
    (step,) = {step for step in _steps(plan, "teacher") if step.kind == "teacher" and "seed0" in step.log}
    Path(step.log).parent.mkdir(parents=True)
    asked = SimpleNamespace(rule="x", wildcards={}, params={}, threads=1, log=[step.log], output=[], resources={})
    with pytest.raises(ZeroDivisionError), frame.job(asked):
        raise ZeroDivisionError
    state, last = step.state(0)
    assert (state, last[8:]) == ("failed", " [x] failed: ZeroDivisionError, see the terminal")


def test_baselines_have_lines_of_their_own(plan):
    """Of both seeds the fit, the answers, two rounds and what pools them; without them nothing is done."""
    found = status.baselines_of(Jobs(plan), plan)
    assert list(found) == ["majority", "tfidf"]
    assert [step.kind for step in found["tfidf"]] == [
        "baseline",
        "baseline quality",
        *["baseline round"] * 2,
        "baseline latency",
    ] * 2
    for step in (step for cell in plan.study.cells for step in _steps(plan, cell)):
        _finish(step)
    now = status.standing(plan)
    assert now.head.startswith("study smoke: 5 cells, 2 baselines: 5 done, 2 waiting; ")
    assert not now.ended
    files = {file for steps in found.values() for step in steps for file in step.outputs}
    assert {file for name in found for file in plan.baseline_files(name)} < files
    for step in (step for steps in found.values() for step in steps):
        _finish(step)
    assert status.standing(plan).ended


def test_of_a_study_without_a_page_baselines_that_nothing_reads_are_left_out(changed):
    plan = Plan(
        parse_study(changed({"page": [], "tables": {"choice": [{"asks": "which", "among": ["kd", "kd_prune"], "chosen": "kd"}]}}))
    )
    assert status.baselines_of(Jobs(plan), plan) == {}


@pytest.fixture
def partly(changed, tmp_path, monkeypatch):
    """A study whose seed 0 is on record, from before most of its cells and a baseline came."""
    monkeypatch.chdir(tmp_path)
    now = changed({"record": "kept", "tables": {}})
    before = {**now, "cells": {name: now["cells"][name] for name in ("teacher", "kd")}, "baselines": {"majority": {}}}
    made_by = Jobs(Plan(parse_study(before))).record_seeds[0].about(None)["made_by"]
    write_json(f"kept/smoke/{machine_class()}/seed0.json", {"made_by": made_by})
    return lambda: Plan(parse_study(now))


def test_of_a_seed_that_is_partly_on_record_the_rest_is_waited_for(partly):
    """`kd_prune` and `edgemin` are new: their models are trained, and the teacher's rounds run again, since new times are computed from them."""
    jobs = Jobs(partly())
    for file in jobs.take_seeds[0].outputs:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    now = status.standing(partly())
    states = {line.cell: (line.state, line.done, line.of) for line in now.lines}
    assert states["kd"] == states["teacher"] == states["majority"] == ("done", 1, 1)
    assert states["edgemin"] == ("waiting", 1, 1 + 4 + 1 + 2 + 2 * 3)
    assert states["tfidf"] == ("waiting", 1, 1 + 5)
    assert not now.ended
    for step in now.states:
        _finish(step)
    assert status.standing(partly()).ended


def test_of_a_seed_that_is_on_record_as_a_whole_nothing_else_is(partly):
    made_by = Jobs(partly()).record_seeds[0].about(None)["made_by"]
    write_json(f"kept/smoke/{machine_class()}/seed0.json", {"made_by": made_by})
    now = status.standing(partly())
    assert {line.of for line in now.lines} == {1}
    assert {step.kind for step in now.states} == {"record"}


def test_what_is_left_is_estimated_from_jobs_of_the_kind(plan):
    """Seed 0's teacher took 600 s and its student 1,200: of all cells the other seed's two are left, and 32 unknown ones fewer."""
    for step in status.standing(plan).states:
        known = {"teacher": 600, "distill": 1200}.get(step.kind)
        if "seed0" in step.log and known:
            _finish(step, known)
        elif known is None:
            _finish(step)
    head = str(status.standing(plan)).splitlines()[0]
    assert "; about 0:30 h left by default, 0:30 h for all cells; " in head
    assert head.endswith("; files made with other settings count as done, `snakemake -n` tells")


def test_a_bad_file_is_named(tmp_path, capsys):
    for content in ("study: [", "- 1"):
        (tmp_path / "s.yaml").write_text(content, encoding="utf-8")
        assert main(["status", str(tmp_path / "s.yaml")]) == 2
        assert "s.yaml" in capsys.readouterr().err


def test_the_report_of_a_study_file_is_printed(changed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = changed({"tables": {}})
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    assert main(["status", "s.yaml"]) == 0
    assert capsys.readouterr().out == str(status.standing(Plan(parse_study(study)))) + "\n"


def test_jobs_of_every_kind_of_quantization_stand_where_their_rules_put_them(plan):
    """ONNX Runtime's and PyTorch's have other files; neither waits for the other."""
    (ours,) = {step for step in _steps(plan, "edgemin") if step.kind == "quantize" and "seed0" in step.log}
    (theirs,) = {step for step in _steps(plan, "edgemin_torch") if step.kind == "quantize" and "seed0" in step.log}
    assert {Path(file).name for file in ours.outputs} >= {"model.onnx", "config.json", "tokenizer.json", "provenance.json"}
    assert {Path(file).name for file in theirs.outputs} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert not {Path(file).name for file in theirs.outputs} & {"model.onnx"}
    assert "export" not in {step.kind for step in _steps(plan, "edgemin_torch")}


def test_quantization_that_trains_is_done_when_its_history_is_there_too(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(parse_study(changed({"cells.qat": "teacher/quantize-int8_qat", "tables": {}})))
    (step,) = (step for step in _steps(plan, "qat") if step.kind == "quantize")
    _finish(step)
    assert step.state(0) == ("done", "")
    (history,) = (file for file in step.outputs if file.endswith("history.json"))
    Path(history).unlink()
    assert step.state(0) == ("waiting", "")
