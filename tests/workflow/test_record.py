"""A finished seed goes on record, and its tables are made of that where nothing was trained."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from copies import Copy
from loaded import jobs_of, uncovered

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.record import RecordSeed, TakeSeed
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

STUDY = "config/recorded.yaml"
TABLES = "results/smoke/tables"
NOTED = "recording"
"""Folder in which these jobs note what they load."""


@pytest.fixture(scope="module")
def recorded(finished: Copy) -> Iterator[dict[str, str]]:
    """Table -> its text as the finished study wrote it; that study's results are out of sight, and its seed on record."""
    finished.edit(lambda study: study.update(record="kept"), to=STUDY)
    (finished.folder / NOTED).mkdir()
    run = finished.run("--", "record_seed_0", study=STUDY, EDGEMIN_MODULES=str(finished.folder / NOTED))
    assert run.code == 0, run.output[-3000:]
    assert run.jobs == {"record_seed_0": 1}, "nothing else was to be done"
    results, aside = finished.folder / "results/smoke", finished.folder / "results/aside"
    tables = {file.name: file.read_text(encoding="utf-8") for file in (finished.folder / TABLES).iterdir()}
    results.rename(aside)
    yield tables
    shutil.rmtree(results, ignore_errors=True)
    aside.rename(results)
    shutil.rmtree(finished.folder / "kept")


def test_nothing_is_trained_or_measured_again(finished: Copy, recorded: dict[str, str]) -> None:
    dry = finished.dry("tables", study=STUDY)
    assert dry.code == 0, dry.output[-3000:]
    plots = {"plot_pareto_latency": 1, "plot_pareto_size": 1, "plot_stagewise": 1}
    tables = {"collect_results": 1, "table_recommendation": 1, "table_stagewise": 1, "page": 1, "write_study": 1, "tables": 1}
    assert dry.jobs == {"take_seed_0": 1, **tables, **plots}


def test_tables_are_the_same_to_the_letter(finished: Copy, recorded: dict[str, str]) -> None:
    """But for the command that made them, which names the study's file."""
    run = finished.run("--", "tables", study=STUDY, EDGEMIN_MODULES=str(finished.folder / NOTED))
    assert run.code == 0, run.output[-3000:]
    for name in ("results.csv", "stagewise.csv", "stagewise.tex", "recommendation.csv"):
        assert (finished.folder / TABLES / name).read_text(encoding="utf-8") == recorded[name], name
    assert "Nothing to be done" in finished.run("--", "tables", study=STUDY).output


def test_what_recording_loads_is_covered_by_its_digest(finished: Copy, recorded: dict[str, str]) -> None:
    jobs = Jobs(Plan(read_study(str(finished.folder / STUDY))))
    record, take = (one(jobs.page.plan, jobs.page.records, 0, "a-machine") for one in (RecordSeed, TakeSeed))
    noted = jobs_of(finished, NOTED)
    for job in (record, take):
        assert uncovered(job.rule, noted[job.rule], {job.rule: job}) == set(), job.rule


def test_what_another_training_changes_is_made_here(finished: Copy, recorded: dict[str, str]) -> None:
    """The teacher's measurements are on record, but not its weights, which the student asks for: so it is trained, and not measured."""

    def lengthen(study: dict) -> None:
        study["distill"]["minilmv2"]["phases"][0]["epochs"] = 9

    dry = finished.dry("tables", study=finished.edit(lengthen, study=STUDY, to="config/longer.yaml"))
    assert dry.code == 0, dry.output[-3000:]
    assert {"take_seed_0": 1, "train_teacher": 1, "distill_student": 1}.items() <= dry.jobs.items()
    assert dry.jobs["measure_quality"] == 6, "of four cells in two runtimes, the last of each in one, without the teacher's two"
