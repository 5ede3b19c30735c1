"""Which verdicts there are, what they read, and who reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemin.core.files import write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.study.acceptance import Acceptance
from edgemin.study.read import parse_study
from planning import KD, ORT, PRUNED, TORCH, at

LIMITS = Acceptance().limits


@pytest.fixture
def jobs(changed):
    return lambda changes=None: Jobs(Plan(parse_study(changed(changes))))


def test_each_quantized_cell_is_judged_against_its_float_parent_in_its_runtime(jobs):
    job = jobs().accept_cell
    assert job.cells == ["edgemin", "edgemin_torch"]
    measured = "results/smoke/measurements/snippets/seed0"
    assert listed(job.inputs(at(cell="edgemin"))) == [
        f"{measured}/{ORT}/onnxruntime/predictions.parquet",
        f"{measured}/{PRUNED}/onnxruntime/predictions.parquet",
    ]
    assert listed(job.inputs(at(cell="edgemin_torch"))) == [
        f"{measured}/{one}/torch/predictions.parquet" for one in (TORCH, PRUNED)
    ]


def test_a_parent_is_taken_from_another_runtime_where_it_is_not_measured_in_the_cells(jobs):
    changes = {"runtimes": ["onnxruntime"], "tables.stagewise": {"onnxruntime": ["teacher", "kd", "kd_prune", "edgemin"]}}
    assert listed(jobs(changes).accept_cell.inputs(at(cell="edgemin_torch")))[1].endswith(
        f"/{PRUNED}/onnxruntime/predictions.parquet"
    )


def test_verdicts_go_to_tables_that_show_the_cell_and_to_its_bundle(jobs):
    found = jobs()
    file = "results/smoke/acceptance/snippets/edgemin.json"
    assert file in found.tables["stagewise"].inputs(None)["acceptance"]
    assert found.tables["stagewise"].about(None)["acceptance"] == found.tables["stagewise"].inputs(None)["acceptance"]
    assert found.make_bundle.inputs(at(cell="edgemin"))["verdict"] == file
    assert "verdict" not in found.make_bundle.inputs(at(cell="kd_prune"))


def test_the_last_job_reads_the_ladder_after_every_table_and_plot(jobs):
    found = jobs()
    (last,) = found.last.values()
    assert last.inputs(None)["verdicts"] == [
        f"results/smoke/acceptance/snippets/{cell}.json" for cell in ("edgemin", "edgemin_torch")
    ]
    assert set(last.before(None)) == {file for job in found.reports() for file in listed(job.outputs)}


def test_candidates_of_a_recommendation_are_no_ladder(jobs):
    """They are judged and marked; the run does not end for one of them. Rows that the study names are a ladder all the same."""
    wanted = {"recommend": {"max_accuracy_drop": 0.01}}
    found = jobs({**wanted, "tables.stagewise": {}})
    assert found.accept_cell.cells == ["edgemin", "edgemin_torch"]
    assert found.last == {}
    assert list(jobs(wanted).last) == ["check_acceptance"]
    assert list(jobs({"tables.stagewise": {}}).last) == ["check_acceptance"]


def test_switched_off_there_is_no_job_and_tables_are_as_before(jobs):
    for off in (None, dict.fromkeys(LIMITS)):
        found = jobs({"acceptance": off})
        assert (found.accept_cell.cells, found.last) == ([], {})
        assert "acceptance" not in found.tables["stagewise"].about(None)
        assert "verdict" not in found.make_bundle.inputs(at(cell="edgemin"))


def test_a_record_needs_no_file_for_it_and_is_read_for_it(jobs, tmp_path, monkeypatch):
    """The same files of a seed are needed with it and without; from a record predictions are read where it is unpacked."""
    (tmp_path / "tests").symlink_to(Path("tests").resolve())
    monkeypatch.chdir(tmp_path)
    kept = {"record": "kept", "seeds": [0, 1]}
    with_it, without = jobs(kept), jobs({**kept, "acceptance": None})
    about = with_it.record_seeds[1].about(None)
    assert about["made_by"] == without.record_seeds[1].about(None)["made_by"]
    write_json("kept/smoke/elsewhere-0a1b2c/seed1.json", {"made_by": about["made_by"]})
    taken = jobs(kept)
    assert list(taken.take_seeds) == [1]
    read = listed(taken.accept_cell.inputs(at(cell="edgemin")))
    assert f"results/smoke/record/elsewhere-0a1b2c/measurements/snippets/seed1/{ORT}/onnxruntime/predictions.parquet" in read
    assert not any("results/smoke/measurements/snippets/seed1" in file for file in read)


def test_with_a_record_a_cell_whose_parent_is_no_cell_is_not_judged(jobs):
    """What is not on record would be trained for it."""
    cells = {"teacher": "teacher", "kd_prune": PRUNED, "lone": f"{KD}/quantize-int8_dynamic_ort", "edgemin": ORT}
    changes = {
        "cells": cells,
        "sensitivity": None,
        "layer_sensitivity": None,
        "tables.stagewise": {"onnxruntime": ["teacher", "kd_prune", "edgemin"]},
    }
    assert jobs(changes).accept_cell.cells == ["lone", "edgemin"]
    assert jobs({**changes, "record": "kept"}).accept_cell.cells == ["edgemin"]
