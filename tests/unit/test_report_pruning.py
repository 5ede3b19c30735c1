"""The table of pruning on made-up measurements."""

from __future__ import annotations

import pandas as pd
import pytest

from edgemin.config import parse_study
from edgemin.errors import EdgeminError
from edgemin.plan import Plan
from edgemin.report import pruning


def plan(changed, **more):
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    variants = {
        "half": {"structure": "ffn", "ratio": 0.5, "criterion": "michel"},
        "top": {"structure": "layers", "drop": 1, "recovery": recovery},
        "uncut": {"ratio": 0, "recovery": recovery},
    }
    cells = {name: f"teacher/distill-minilmv2/prune-{name}" for name in variants}
    changes = {f"cells.{name}": chain for name, chain in cells.items()} | {
        f"prune.{name}": spec for name, spec in variants.items()
    }
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "pruning": {"kd": ["half", "top", "uncut"]}} | more
    return Plan(parse_study(changed({**changes, "tables": tables})))


def test_the_plan_tells_what_each_link_cut(changed):
    found = plan(changed).pruning()
    about = {row["cell"]: row["about"] for row in found["blocks"][0]["rows"]}
    assert about["kd"] == {"structure": None, "cut": None, "criterion": None, "recovered": None}
    assert about["half"] == {"structure": "ffn", "cut": "50 %", "criterion": "michel", "recovered": False}
    assert about["top"] == {"structure": "layers", "cut": "1 layers", "criterion": "top", "recovered": True}
    assert about["uncut"] == {"structure": "heads", "cut": "0 %", "criterion": None, "recovered": True}
    assert found["runtime"] == "onnxruntime"


def test_its_files_are_those_of_the_first_runtime_each_once(changed):
    files = plan(changed, pruning={"kd": ["half"], "top": ["half"]}).pruning_files()
    assert len(files) == len(set(files)) == 3 * 5
    assert all("/onnxruntime/" in file for file in files)


def test_cells_of_this_table_alone_are_not_built_by_default(changed):
    assert plan(changed).study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"kd": ["x"]}, "tables.pruning.kd: 'x' is not a cell"),
        ({"kd": ["teacher"]}, "tables.pruning.kd: the chain of cell 'teacher' does not end in a prune stage"),
        ({"edgemin": ["half"]}, "tables.pruning.edgemin: cell 'edgemin' is quantized; name float cells"),
    ],
)
def test_what_cannot_stand_in_it_is_refused(changed, block, message):
    with pytest.raises(EdgeminError, match=message):
        plan(changed, pruning=block)


def test_no_table_without_blocks():
    with pytest.raises(EdgeminError, match=r"tables.pruning: the study has none; add a reference and cells"):
        pruning.pruning({"blocks": []})


def test_columns_for_people():
    """One reference without a cut, one cell with: dashes and words where they belong."""
    numbers = {
        f"{name}{end}": 0.5
        for name in ("quality", "quality_change", "p50", "speedup_over_parent")
        for end in ("", "_low", "_high")
    }
    row = {
        "task": "t",
        "cell": "a",
        "metric": "accuracy",
        **numbers,
        "logical": 2e6,
        "nonzero": 1e6,
        "bytes": 8e6,
        "compressed": 4e6,
    }
    first = {"structure": None, "cut": None, "criterion": None, "recovered": None, "quality_change": None}
    second = {"structure": "weights", "cut": "50 %", "criterion": "magnitude", "recovered": True}
    text = pruning.shown(pd.DataFrame([row | first, row | second]))
    assert text.loc[0, ["structure", "cut", "by", "recovered", "change"]].tolist() == ["–"] * 5
    assert text.loc[1, ["structure", "cut", "by", "recovered"]].tolist() == ["weights", "50 %", "magnitude", "yes"]
    assert text.loc[1, "accuracy %"] == "50.0 [50.0, 50.0]"
    assert text.loc[1, "nonzero M"] == "1.00"
