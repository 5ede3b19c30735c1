"""Tables while a study runs: what is missing is named, the rest is reported."""

from __future__ import annotations

from pathlib import Path

import pages
import pandas as pd
import pytest
import yaml

from edgemin.cli import partial
from edgemin.cli.main import main
from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.report import WriteTable
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from edgemin.study.table import rows_of


@pytest.fixture
def made(changed, tmp_path, monkeypatch) -> WriteTable:
    """Two blocks, of four and of two cells, with empty files for everything that the table reads."""
    monkeypatch.chdir(tmp_path)
    blocks = {"kd": ["kd_prune", "edgemin"], "kd_prune": ["edgemin"]}
    job = Jobs(Plan(parse_study(changed({"tables.combinations": blocks})))).tables["combinations"]
    for file in listed(job.inputs(None)):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    return job


def _latency(job: WriteTable, cell: str) -> Path:
    [file] = {file for row in rows_of(job.spec(None)) if row["cell"] == cell
              for seed in row["seeds"] for file in job.table.needs(seed) if file.endswith("latency.json")}  # fmt: skip
    return Path(file)


def test_nothing_is_missing(made):
    spec = made.spec(None)
    assert partial.present(made.table, spec) == (spec, [])


def test_a_verdict_that_is_not_there_yet_is_missing(made):
    """Of a cell that is shown; without it the table has no mark, as if it were accepted."""
    file = Path("results/smoke/acceptance/snippets/edgemin.json")
    file.unlink()
    spec = made.spec(None)
    line = f"the verdict on edgemin, which looks accepted without it: {file}"
    assert partial.present(made.table, spec) == (spec, [line])
    _latency(made, "edgemin").unlink()
    assert line not in partial.present(made.table, spec)[1]


def test_a_cell_without_its_latency_is_left_out_and_named(made):
    file = _latency(made, "edgemin")
    file.unlink()
    spec, missing = partial.present(made.table, made.spec(None))
    assert missing == [f"edgemin: 1 files, the first {file}"]
    assert [[row["cell"] for row in block["rows"]] for block in spec["blocks"]] == [["kd", "kd_prune"], ["kd_prune"]]


def test_a_block_without_its_first_cell_goes(made):
    _latency(made, "kd").unlink()
    spec, missing = partial.present(made.table, made.spec(None))
    assert len(missing) == 1
    assert [block["rows"][0]["cell"] for block in spec["blocks"]] == ["kd_prune"]


def test_a_choice_is_made_among_all_or_not_at_all(changed):
    stages = [
        {"asks": "which", "among": ["kd", "kd_prune"], "chosen": "kd"},
        {"asks": "how small", "among": ["kd", "kd_prune"], "chosen": "kd", "by": "fewer", "below": "teacher", "within": 0.5},
    ]
    job = Jobs(Plan(parse_study(changed({"tables.choice": stages})))).tables["choice"]
    spec = job.spec(None)
    assert job.table.without(spec, set()) == spec
    assert [block["asks"] for block in job.table.without(spec, {"teacher"})["blocks"]] == ["which"]
    assert job.table.without(spec, {"kd_prune"})["blocks"] == []


def test_a_statement_is_judged_by_all_its_comparisons_or_not_at_all(changed):
    statements = [
        {"says": "one", "source": "a", "shows": [{"cell": "kd", "than": ["teacher"]}, {"cell": "kd_prune", "than": ["kd"]}]},
        {"says": "two", "source": "b", "shows": [{"cell": "edgemin", "than": ["kd"], "by": "smaller"}]},
    ]
    job = Jobs(Plan(parse_study(changed({"tables.statements": statements})))).tables["statements"]
    spec = job.spec(None)
    assert job.table.without(spec, set()) == spec
    left = job.table.without(spec, {"kd_prune"})
    assert [one["says"] for one in left["statements"]] == ["two"]
    assert [row["cell"] for row in left["rows"]] == ["kd", "edgemin"]
    assert left["of"] == ["snippets kd onnxruntime", "snippets edgemin onnxruntime"]


def test_a_table_of_which_nothing_is_left_is_not_written(made, tmp_path, capsys):
    for cell in ("kd", "kd_prune", "edgemin"):
        _latency(made, cell).unlink()
    study = tmp_path / "none.yaml"
    assert main(["partial", str(study)]) == 2
    assert "none.yaml: cannot be read as YAML" in capsys.readouterr().err
    said = partial.write(Plan(parse_study(made.study.model_dump(mode="json"))))
    assert "combinations: not written, nothing to compare with is there" in said
    assert not (tmp_path / "results/smoke/partial/combinations.md").exists()


def test_rows_without_blocks_go_one_by_one(changed, tmp_path, monkeypatch):
    """The table of parameters."""
    monkeypatch.chdir(tmp_path)
    job = Jobs(Plan(parse_study(changed()))).tables["parameters"]
    spec = job.spec(None)
    for file in listed(job.inputs(None)):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    assert partial.present(job.table, spec) == (spec, [])
    [gone] = {row["seeds"][0]["folder"] for row in spec["rows"] if (row["cell"], row["runtime"]) == ("kd", "torch")}
    Path(gone, "size.json").unlink()
    found, missing = partial.present(job.table, spec)
    assert missing == [f"kd: 1 files, the first {gone}/size.json"]
    assert {row["cell"] for row in spec["rows"]} - {row["cell"] for row in found["rows"]} == {"kd"}


def test_sweeps_belong_to_no_cell(changed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = Jobs(Plan(parse_study(changed()))).tables["sensitivity"]
    count = len(job.inputs(None)["measured"])
    spec, missing = partial.present(job.table, job.spec(None))
    assert (spec["rows"], count > 1) == ([], True)
    assert missing == [f"every cell: {count} files, the first {job.inputs(None)['measured'][0]}"]


def test_what_is_there_is_written_apart_from_the_tables_of_the_study(tmp_path, monkeypatch, capsys):
    """A finished ladder, of which one measurement is lost again."""
    monkeypatch.chdir(tmp_path)
    spec = pages.tree(tmp_path)
    whole = Path("results/smoke/tables/stagewise.csv").read_bytes()
    Path("study.yaml").write_text(yaml.safe_dump(pages.study_of() | {"acceptance": None}), encoding="utf-8")
    assert main(["partial", "study.yaml"]) == 0
    assert capsys.readouterr().out == "what is there is in results/smoke/partial\n"
    assert Path("results/smoke/partial/stagewise.csv").read_bytes() == whole
    [lost] = {row["folder"] for row in spec["rows"] if row["cell"] == "kd_prune" and row["runtime"] == "torch"}
    Path(lost, "size.json").unlink()
    assert main(["partial", "study.yaml"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"stagewise: missing kd_prune: 1 files, the first {lost}/size.json" in told
    assert told[-1] == "what is there is in results/smoke/partial"
    cells = [set(pd.read_csv(f"results/smoke/{place}/stagewise.csv")["cell"]) for place in ("tables", "partial")]
    assert cells[0] - cells[1] == {"kd_prune"}
    assert Path("results/smoke/tables/stagewise.csv").read_bytes() == whole
