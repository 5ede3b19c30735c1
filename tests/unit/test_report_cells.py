"""The table of all measured cells, by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from pages import study_of, written

from edgemin.plan import page
from edgemin.plan.plan import Plan
from edgemin.report.page.tables import read_table
from edgemin.study import registry
from edgemin.study.read import parse_study

CELLS = registry.TABLES["cells"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("cells")
    with written(place) as spec:
        return place / spec["root"] / "tables"


def test_every_cell_is_compared_with_the_teacher_in_its_runtime(folder):
    """36, 28, 28 and 27 of 40 right: 20 and 22.5 points below; 32 and 31 decided as the teacher does; 4 MB, 2 and 0.5."""
    table = pd.read_csv(folder / "cells.csv").set_index(["runtime", "cell"])
    assert list(table.index.get_level_values(0)) == ["onnxruntime"] * 4 + ["torch"] * 4
    assert set(table["reference"]) == {"teacher"}
    found = table.loc[("onnxruntime", "edgemin")]
    assert found[
        ["quality", "quality_change", "agreement", "smaller", "validation", "p50", "speedup_over_reference"]
    ].to_dict() == (
        pytest.approx(
            {
                "quality": 0.675,
                "quality_change": -0.225,
                "agreement": 31 / 40,
                "smaller": 8,
                "validation": 0.5,
                "p50": 1,
                "speedup_over_reference": 8,
            }
        )
    )
    for name in ("quality", "quality_change", "p50", "speedup_over_reference"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_what_people_read_has_an_interval_wherever_there_is_one(folder):
    table = read_table(folder, "cells")
    headings = [column["heading"] for column in table["columns"]]
    row = next(row for row in table["rows"] if (row["cell"], row["runtime"]) == ("kd", "onnxruntime"))
    cells = dict(zip(headings, row["cells"], strict=True))
    for heading in ("test accuracy %", "change to teacher", "p50 ms", "p90 ms", "faster than teacher"):
        assert cells[heading]["low"] < cells[heading]["number"] < cells[heading]["high"], heading
    assert cells["recipe"]["text"] == "distill-minilmv2"
    assert "sentences/s" not in headings  # no cell has it


def test_the_teacher_comes_first_wherever_the_study_has_it():
    study = study_of()
    cells = dict(reversed(study["cells"].items()))
    study["tables"] = {"stagewise": {name: ["teacher", *reversed(row[1:])] for name, row in study["tables"]["stagewise"].items()}}
    blocks = CELLS.spec(Plan(parse_study({**study, "cells": cells})))["blocks"]
    assert {block["rows"][0]["cell"] for block in blocks} == {"teacher"}


def test_without_the_teacher_nothing_is_compared(folder, monkeypatch):
    """A block of kd and kd_prune alone: neither has a change, nor is it so many times smaller."""
    monkeypatch.chdir(folder.parents[2])
    spec = CELLS.spec(Plan(parse_study(study_of())))
    for block in spec["blocks"]:
        block["rows"] = [row for row in block["rows"] if row["cell"] in ("kd", "kd_prune")]
    from edgemin.report.tables.cells import columns_of, frame

    table = frame(spec)
    assert table[["quality_change", "quality_change_low", "smaller", "agreement"]].isna().all(axis=None)
    assert table["quality"].tolist() == [0.7] * 4
    assert "change to teacher" not in [column.heading for column in columns_of(table)]


def test_the_page_has_it_once_even_if_it_is_named():
    plan = Plan(parse_study(study_of(page=["stagewise", "cells"])))
    assert list(page.spec(plan)["tables"]) == ["stagewise"]
    files = page.files(plan)["tables"]
    written = ["cells.csv", "cells.json", "stagewise.csv", "stagewise.json", "recommendation.csv"]
    assert [file.rsplit("/", 1)[1] for file in files] == written, "what is recommended is marked in the plot of the page"
