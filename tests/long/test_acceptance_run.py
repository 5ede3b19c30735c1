"""A run whose ladder has a cell that is not accepted, and one of which another cell fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pandas as pd
import pytest
from copies import Copy

RESULTS, CELL = "results/smoke", "edgemin"


def with_limits(ladder: list[str]) -> Callable[[dict], None]:
    """Of the smoke study, with a limit that no rounding meets. ladder: cells of the stage-wise table in ONNX Runtime; there is no other."""

    def change(content: dict) -> None:
        content["acceptance"] = {
            **dict.fromkeys(("drop", "agreement", "recall", "calibration", "confident_changes")),
            "divergence": 0,
        }
        content["tables"]["stagewise"] = {"onnxruntime": ladder}
        content["recommend"] = {"prefer": "bytes", "max_accuracy_drop": 1.0}

    return change


@pytest.fixture(scope="module")
def failed(finished: Copy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Copy, int, str]:
    """A copy of the finished study in which it has run once more, with the limit."""
    copy = Copy(tmp_path_factory.mktemp("failed"))
    for name in ("results", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name)
    run = copy.run(study=copy.edit(with_limits(["teacher", "kd", "kd_prune", CELL]), to="config/strict.yaml"))
    return copy, run.code, run.output


def test_the_run_ends_in_an_error_that_names_cell_and_measure_in_one_line(failed: tuple[Copy, int, str]) -> None:
    _, code, output = failed
    assert code != 0
    told = [line for line in output.splitlines() if f"acceptance: cell '{CELL}', task snippets: divergence" in line]
    assert told
    assert "(limit 0, seed 0); the ladder has it" in told[0]


def test_tables_and_plots_are_there_and_mark_the_cell(failed: tuple[Copy, int, str]) -> None:
    folder = failed[0].folder / RESULTS
    table = pd.read_csv(folder / "tables/stagewise.csv")
    assert dict(zip(table["cell"], table["accepted"], strict=True))[CELL] == False  # noqa: E712
    assert table.query("cell != @CELL")["accepted"].all()
    for form in ("md", "tex"):
        assert "not accepted" in (folder / f"tables/stagewise.{form}").read_text(encoding="utf-8").lower()
    rows = json.loads((folder / "tables/stagewise.json").read_text(encoding="utf-8"))["rows"]
    assert {row["cell"] for row in rows if not row["accepted"]} == {CELL}
    assert "†" in (folder / "plots/pareto_size.svg").read_text(encoding="utf-8")
    assert (folder / "report/index.html").exists()
    assert not (folder / "acceptance/ladder.json").exists()


def test_the_cell_is_neither_recommended_nor_in_the_pareto_set_nor_bundled(failed: tuple[Copy, int, str]) -> None:
    copy = failed[0]
    found = pd.read_csv(copy.folder / RESULTS / "tables/recommendation.csv").set_index("cell")
    assert not found.loc[CELL, ["accepted", "recommended", "shipped", "pareto"]].any()
    assert found["recommended"].sum() == 1
    run = copy.run("--", "deploy", study="config/strict.yaml")
    assert run.code != 0
    assert f"acceptance: cell '{CELL}'" in run.output
    assert "no bundle is made of it" in run.output


def test_a_cell_elsewhere_that_fails_ends_no_run(failed: tuple[Copy, int, str]) -> None:
    copy = failed[0]
    study = copy.edit(with_limits(["teacher", "kd", "kd_prune"]), to="config/elsewhere.yaml")
    run = copy.run(study=study)
    assert run.code == 0, run.output[-5000:]
    table = pd.read_csv(copy.folder / RESULTS / "tables/cells.csv")
    assert set(table[~table["accepted"]]["cell"]) >= {CELL}
