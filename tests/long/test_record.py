"""A finished seed goes on record, and its tables are made of that where nothing was trained."""

from __future__ import annotations

import json
import shutil

import pytest
from copies import Copy
from loaded import jobs_of, uncovered

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.record import RecordSeed, TakeSeed
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

STUDY = "config/recorded.yaml"
ADDED_TO = "config/added_to.yaml"
TABLES = "results/smoke/tables"


@pytest.fixture(scope="module")
def place(finished: Copy, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the finished study, since what is made here has other parameters."""
    copy = Copy(tmp_path_factory.mktemp("recorded"))
    for name in ("results", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name)
    copy.edit(lambda study: study.update(record="kept"), to=STUDY)
    return copy


def test_a_record_outlives_a_job_that_fails(place: Copy) -> None:
    """One that is only added to: a folder is missing in it, and what was measured since is of another machine, which is refused."""
    place.edit(lambda study: study.update(record="older"), to=ADDED_TO)
    assert place.run("--", "record_seed_0", study=ADDED_TO).code == 0
    record = next((place.folder / "older/smoke").glob("*/seed0.json"))
    content = json.loads(record.read_text(encoding="utf-8"))
    folder = next(name for name in content["made_by"] if name.endswith("latency.json")).rpartition("/")[0]
    content["made_by"] = {name: digest for name, digest in content["made_by"].items() if not name.startswith(folder)}
    record.write_text(json.dumps(content), encoding="utf-8")
    before = {file.name: file.read_bytes() for file in record.parent.iterdir()}

    measured = place.folder / "results/smoke" / folder / "latency.json"
    as_it_was = measured.read_text(encoding="utf-8")
    measured.write_text(as_it_was.replace(content["host"]["cpu"], "another"), encoding="utf-8")
    failed = place.run("--", "record_seed_0", study=ADDED_TO)
    measured.write_text(as_it_was, encoding="utf-8")
    assert failed.code != 0
    assert "trained and measured on one class of machine" in failed.output, failed.output[-3000:]
    assert {file.name: file.read_bytes() for file in record.parent.iterdir()} == before


@pytest.fixture(scope="module")
def recorded(place: Copy) -> dict[str, str]:
    """Table -> its text as the finished study wrote it; that study's results are gone, and its seed is on record."""
    run = place.run("--", "record_seed_0", study=STUDY)
    assert run.code == 0, run.output[-3000:]
    assert run.jobs == {"record_seed_0": 1}, "nothing else was to be done"
    tables = {file.name: file.read_text(encoding="utf-8") for file in (place.folder / TABLES).iterdir()}
    shutil.rmtree(place.folder / "results/smoke")
    return tables


def test_nothing_is_trained_or_measured_again(place: Copy, recorded: dict[str, str]) -> None:
    dry = place.dry("tables", study=STUDY)
    assert dry.code == 0, dry.output[-3000:]
    plots = {"plot_pareto_latency": 1, "plot_pareto_size": 1, "plot_stagewise": 1}
    tables = {"table_cascades": 1, "table_cells": 1, "table_recommendation": 1, "table_stagewise": 1}
    verdicts = {"accept_cell": 2, "check_acceptance": 1}  # on both INT8 cells of the ladder
    others = {"collect_results": 1, "page": 1, "write_study": 1, "tables": 1}
    assert dry.jobs == {"take_seed_0": 1, **tables, **plots, **verdicts, **others}


def test_tables_are_the_same_to_the_letter(place: Copy, recorded: dict[str, str]) -> None:
    """But for the command that made them, which names the study's file."""
    run = place.run("--", "tables", study=STUDY)
    assert run.code == 0, run.output[-3000:]
    for name in ("results.csv", "cells.csv", "stagewise.csv", "stagewise.tex", "recommendation.csv"):
        assert (place.folder / TABLES / name).read_text(encoding="utf-8") == recorded[name], name
    assert "Nothing to be done" in place.run("--", "tables", study=STUDY).output


def test_what_recording_loads_is_covered_by_its_digest(place: Copy, recorded: dict[str, str]) -> None:
    jobs = Jobs(Plan(read_study(str(place.folder / STUDY))))
    record, take = (one(jobs.page.plan, jobs.page.records, 0, "a-machine") for one in (RecordSeed, TakeSeed))
    noted = jobs_of(place)
    for job in (record, take):
        assert uncovered(job.rule, noted[job.rule], {job.rule: job}) == set(), job.rule


def test_what_another_training_changes_is_made_here(place: Copy, recorded: dict[str, str]) -> None:
    """The teacher's measurements are on record, but not its weights, which the student asks for: so it is trained, and not measured."""

    def lengthen(study: dict) -> None:
        study["distill"]["minilmv2"]["phases"][0]["epochs"] = 9

    dry = place.dry("tables", study=place.edit(lengthen, study=STUDY, to="config/longer.yaml"))
    assert dry.code == 0, dry.output[-3000:]
    assert {"take_seed_0": 1, "train_teacher": 1, "distill_student": 1}.items() <= dry.jobs.items()
    assert dry.jobs["measure_quality"] == 6, "of four cells in two runtimes, the last of each in one, without the teacher's two"
