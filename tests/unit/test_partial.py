"""Tables while a study runs: what is missing is named, the rest is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemin import partial
from edgemin.config import parse_study
from edgemin.plan import Plan
from edgemin.reports import Reports, rows_of


@pytest.fixture
def reports(changed, tmp_path, monkeypatch):
    """Two blocks, of four and of two cells, with empty files for everything that the table reads."""
    monkeypatch.chdir(tmp_path)
    blocks = {"kd": ["kd_prune", "edgemin"], "kd_prune": ["edgemin"]}
    made = Reports(Plan(parse_study(changed({"tables.combinations": blocks}))))
    for file in made.files("combinations"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    return made


def _latency(reports: Reports, cell: str) -> Path:
    [file] = {file for row in rows_of(reports.spec("combinations")) if row["cell"] == cell
              for seed in row["seeds"] for file in reports.needs(seed) if file.endswith("latency.json")}  # fmt: skip
    return Path(file)


def test_nothing_is_missing(reports):
    spec = reports.spec("combinations")
    assert partial.present(reports, spec) == (spec, [])


def test_a_cell_without_its_latency_is_left_out_and_named(reports):
    file = _latency(reports, "edgemin")
    file.unlink()
    spec, missing = partial.present(reports, reports.spec("combinations"))
    assert missing == [f"edgemin: 1 files, the first {file}"]
    assert [[row["cell"] for row in block["rows"]] for block in spec["blocks"]] == [["kd", "kd_prune"], ["kd_prune"]]


def test_a_block_without_its_first_cell_goes(reports):
    _latency(reports, "kd").unlink()
    spec, missing = partial.present(reports, reports.spec("combinations"))
    assert len(missing) == 1
    assert [block["rows"][0]["cell"] for block in spec["blocks"]] == ["kd_prune"]


def test_a_table_of_which_nothing_is_left_is_not_written(reports, tmp_path, capsys):
    for cell in ("kd", "kd_prune"):
        _latency(reports, cell).unlink()
    study = tmp_path / "none.yaml"
    assert partial.main([str(study)]) == 1
    assert "none.yaml: cannot be read as YAML" in capsys.readouterr().err
    said = partial.write(Plan(parse_study(reports.study.model_dump(mode="json"))))
    assert "combinations: not written, nothing to compare with is there" in said
    assert not (tmp_path / "results/smoke/partial/combinations.md").exists()
