"""The jobs of a study fit together: what one reads is made by another, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.base import Job
from edgemin.plan.jobs.record import TakeSeed
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study, read_study
from planning import AUGMENT, At, every_job, made_by, read_by

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
CUT = {
    **AUGMENT,
    "prune.small": {"structure": "vocabulary", "transfer": "wide"},
    "prune.smaller": {"structure": "vocabulary"},
    "cells.small": "teacher/prune-small/prune-smaller/distill-minilmv2",
    "quantize.nncf": {"scheme": "int8_nncf"},
    "cells.nncf": "teacher/distill-minilmv2/quantize-nncf",
    "runtimes": ["torch", "onnxruntime", "openvino"],
    "deploy": ["edgemin", "small"],
}


def check_whole(plan: Plan) -> None:
    """Every file has one job; every file that a job reads has a job, or is the user's own."""
    jobs = list(every_job(plan))
    made = Counter(file for job, where in jobs for file in made_by(job, where))
    assert {file for file, count in made.items() if count > 1} == set()
    read = {file for job, where in jobs for file in read_by(job, where)}
    assert {file for file in read - set(made) if file.startswith("results/")} == set()
    wanted = {file for cell in plan.study.cells for file in plan.cell_files(cell)} | set(Jobs(plan).make_bundle.files())
    assert {file for file in wanted - set(made) if "/deploy/" not in file} == set()


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_job_of_a_committed_study_reads_is_made_by_another(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    check_whole(Plan(read_study(f"config/{name}")))


def test_jobs_fit_where_tokenizers_are_cut_and_runtimes_are_three(changed):
    check_whole(Plan(parse_study(changed(CUT))))


def test_jobs_fit_over_several_tasks_and_seeds(changed):
    """A bundle's folder then has the task in it."""
    study = changed({"seeds": [0, 3], "deploy": ["edgemin"]})
    study["tasks"]["more"] = study["tasks"]["snippets"]
    plan = Plan(parse_study(study))
    check_whole(plan)
    bundles = Jobs(plan).make_bundle.files()
    assert bundles[0] == "results/smoke/deploy/snippets/edgemin/seed0/model.onnx"
    assert len(bundles) == 2 * 2 * 6
    assert set(bundles) <= {file for job, where in every_job(plan) for file in made_by(job, where)}


def test_each_kind_of_job_has_a_rule_a_script_and_places_of_its_own(changed):
    """Files, log and seconds of one job are told apart by the same wildcards; every script is some job's."""
    jobs = Jobs(
        Plan(parse_study(changed({"record": "kept", "baselines": {"tfidf": {}}, "cascades": {"fast": ["tfidf", "edgemin"]}})))
    )
    found: list[Job] = [*jobs.all(), TakeSeed(jobs.page.plan, jobs.page.records, 0, "a-machine")]
    assert max(Counter(job.rule for job in found).values()) == 1
    scripts = {file.stem for file in (ROOT / "workflow/scripts").glob("*.py")} - {"job"}
    assert {job.script for job in found} == scripts
    wildcards = At(**{name: "{" + name + "}" for job in found for name in re.findall(r"{(\w+)}", job.place)})
    for job in found:
        places = [*made_by(job, wildcards), job.log, job.benchmark]
        assert len({frozenset(re.findall(r"{\w+}", place)) for place in places}) == 1
