"""The table of pruning on made-up measurements."""

from __future__ import annotations

import pandas as pd
import pytest
from reading import texts

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.report import columns
from edgemin.report.tables import pruning
from edgemin.study import registry
from edgemin.study.read import parse_study


def plan(changed, **more):
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    variants = {
        "half": {"structure": "ffn", "ratio": 0.5, "criterion": "michel"},
        "top": {"structure": "layers", "drop": 1, "recovery": recovery},
        "uncut": {"ratio": 0, "recovery": recovery},
        "blocks": {"structure": "layers", "drop": 1, "part": "attention", "strategy": "bottom"},
        "masks": {"structure": "cofi", "sparsity": 0.6, "learn": recovery[0]},
    }
    cells = {name: f"teacher/distill-minilmv2/prune-{name}" for name in variants}
    changes = {f"cells.{name}": chain for name, chain in cells.items()} | {
        f"prune.{name}": spec for name, spec in variants.items()
    }
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "pruning": {"kd": ["half", "top", "uncut", "blocks", "masks"]}} | more
    return Plan(parse_study(changed({**changes, "tables": tables})))


def spec_of(plan):
    return registry.TABLES["pruning"].spec(plan)


def files_of(plan):
    """What the job of the table reads."""
    return Jobs(plan).tables["pruning"].inputs(None)["measured"]


def test_the_plan_tells_what_each_link_cut(changed):
    found = spec_of(plan(changed))
    about = {row["cell"]: row["about"] for row in found["blocks"][0]["rows"]}
    assert about["kd"] == {"structure": None, "cut": None, "criterion": None, "recovered": None}
    assert about["half"] == {"structure": "ffn", "cut": "50 %", "criterion": "michel", "recovered": False}
    assert about["top"] == {"structure": "layers", "cut": "1 layer", "criterion": "top", "recovered": True}
    assert about["uncut"] == {"structure": "heads", "cut": "0 %", "criterion": None, "recovered": True}
    assert about["blocks"]["cut"] == "1 attention block"
    assert about["masks"] == {"structure": "cofi", "cut": "60 %", "criterion": "learned masks", "recovered": False}
    assert found["runtime"] == "onnxruntime"


def test_the_table_waits_for_what_masks_have_reached(changed):
    planned = plan(changed)
    histories = {row["cell"]: row["seeds"][0]["history"] for row in spec_of(planned)["blocks"][0]["rows"]}
    trained = ("top", "uncut", "masks")
    models = "results/smoke/models/snippets/seed0/teacher/distill-minilmv2"
    assert {cell for cell, file in histories.items() if file} == set(trained)
    assert histories["masks"] == f"{models}/prune-masks/history.json"
    assert sorted(file for file in files_of(planned) if file.endswith("history.json")) == sorted(
        histories[cell] for cell in trained
    )


def test_its_files_are_those_of_the_first_runtime_each_once(changed):
    """Four measurements of each of three cells, and the history of the one that was trained after its cut."""
    files = files_of(plan(changed, pruning={"kd": ["half"], "top": ["half"]}))
    assert len(files) == len(set(files)) == 3 * 4 + 1
    assert sum("/onnxruntime/" in file for file in files) == 3 * 4


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
        pruning.frame({"blocks": []})


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
        "best": False,
        "p": 0.25,
        "p_holm": 0.5,
        **numbers,
        "logical": 2e6,
        "nonzero": 1e6,
        "bytes": 8e6,
        "compressed": 4e6,
        "updates": 221.0,
    }
    first = {"structure": None, "cut": None, "criterion": None, "recovered": None, "quality_change": None, "p": None}
    second = {"structure": "weights", "cut": "50 %", "criterion": "magnitude", "recovered": True}
    text = texts(pruning.columns_of(pd.DataFrame([row | first, row | second])))
    assert text.loc[0, ["structure", "cut", "by", "recovered", "change"]].tolist() == ["–"] * 5
    assert text.loc[1, ["structure", "cut", "by", "recovered"]].tolist() == ["weights", "50 %", "magnitude", "yes"]
    assert text.loc[1, "accuracy %"] == "50.00 [50.00, 50.00]"
    assert text.loc[1, "nonzero M"] == "1.00"
    assert text.loc[1, "updates"] == "221"
    assert text["p (Holm)"].tolist() == ["–", "0.250 (0.500)"]


def test_what_masks_have_reached_stands_beside_what_was_asked_for(tmp_path):
    for seed, sparsity in enumerate((0.5, 0.6)):
        masks = {"sparsity_prunable": sparsity, "sparsity_model": sparsity / 2, "learning": {"updates": 2210}}
        write_json(tmp_path / f"{seed}.json", {"phases": [{"updates": 1000}, {"updates": 105}], "masks": masks})
    reached = pruning._trained([{"history": tmp_path / "0.json"}, {"history": tmp_path / "1.json"}])
    assert reached == pytest.approx({"updates": 3315, "sparsity_prunable": 0.55, "sparsity_model": 0.275})
    write_json(tmp_path / "plain.json", {"phases": [{"updates": 221}]})
    assert pruning._trained([{"history": tmp_path / "plain.json"}]) == {"updates": 221}
    assert pruning._trained([{"history": None}]) == {"updates": 0}
    cut = pruning._cut(pd.DataFrame([{"cut": "60 %", **reached}, {"cut": "50 %"}, {"cut": None}]))
    assert texts([columns.text("cut", cut)])["cut"].tolist() == ["60 % (55.0 reached; of all parameters 27.5)", "50 %", "–"]
    assert pruning._cut(pd.DataFrame([{"cut": "50 %"}])).tolist() == ["50 %"]
