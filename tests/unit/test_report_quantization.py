"""The plan and the study's checks of the tables of quantization and parameters, and of bundles."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import TypeAdapter
from snakemake.iocontainers import Wildcards

from edgemin.core.errors import EdgeminError
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.report.tables import parameters, quantization
from edgemin.study import registry
from edgemin.study.read import parse_study
from edgemin.study.variants import AnyQuantize

KD = "teacher/distill-minilmv2"


def plan(changed, **changes):
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "quantization": {"kd_prune": ["edgemin", "edgemin_torch"]}}
    return Plan(parse_study(changed({"tables": tables, **changes})))


def test_a_block_for_each_runtime_with_the_float_cell_first(changed):
    blocks = registry.TABLES["quantization"].spec(plan(changed))["blocks"]
    assert [(block["runtime"], [row["cell"] for row in block["rows"]]) for block in blocks] == [
        ("onnxruntime", ["kd_prune", "edgemin"]),
        ("torch", ["kd_prune", "edgemin_torch"]),
    ]
    assert [row["about"]["scheme"] for row in blocks[0]["rows"]] == [None, "int8_dynamic"]
    assert len(Jobs(plan(changed)).tables["quantization"].inputs(None)["measured"]) == 4 * 4


def test_parameters_are_those_of_the_ladder_of_quantization_and_what_is_named(changed):
    tables = {
        "stagewise": {"torch": ["teacher", "kd"]},
        "quantization": {"kd_prune": ["edgemin"]},
        "parameters": ["edgemin_torch"],
    }
    rows = [(row["runtime"], row["cell"]) for row in registry.TABLES["parameters"].spec(plan(changed, tables=tables))["rows"]]
    assert rows == [
        ("torch", "teacher"),
        ("torch", "kd"),
        ("onnxruntime", "kd_prune"),
        ("torch", "kd_prune"),
        ("onnxruntime", "edgemin"),
        ("torch", "edgemin_torch"),
    ]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"quantization": {"kd": ["edgemin"]}},
            "tables.quantization.kd: the chain of cell 'edgemin' does not quantize that of 'kd'",
        ),
        (
            {"quantization": {"kd": ["kd_prune"]}},
            "tables.quantization.kd: the chain of cell 'kd_prune' does not end in a quantize stage",
        ),
        (
            {"quantization": {"edgemin": ["edgemin"]}},
            "tables.quantization.edgemin: cell 'edgemin' is quantized; name its float parent",
        ),
        ({"quantization": {"kd_prune": ["x"]}}, "tables.quantization.kd_prune: 'x' is not a cell"),
        ({"parameters": ["x"]}, "tables.parameters: 'x' is not a cell"),
        (
            {"combinations": {"kd": ["edgemin_torch"]}},
            "tables.combinations.kd: cell 'edgemin_torch' is not measured in onnxruntime, the first of runtimes, in which this table",
        ),
        (
            {"orders": {"kd": ["kd_prune"]}},
            "tables.orders.kd: cell 'kd_prune' has other stages than 'kd'; that is no question of order",
        ),
        ({"stagewise": {"torch": ["kd"]}}, "tables.stagewise.torch: lists no cell with the chain 'teacher', the reference"),
        (
            {"subsets": {"torch": ["teacher", "edgemin"]}},
            "tables.subsets.torch: cell 'edgemin' is not measured in torch",
        ),
    ],
)
def test_what_cannot_stand_in_them_is_refused(changed, tables, message):
    with pytest.raises(EdgeminError, match=message):
        plan(changed, tables={"stagewise": {"torch": ["teacher", "kd"]}, **tables})


def test_a_cell_without_its_float_parent_in_its_runtime_is_refused(changed):
    """It has no row: nothing there to compare it with."""
    message = r"tables.quantization.kd_prune: cell 'edgemin_torch' runs in torch, in which 'kd_prune' is not measured; add torch to runtimes"
    with pytest.raises(EdgeminError, match=message):
        plan(changed, runtimes=["onnxruntime"], tables={"quantization": {"kd_prune": ["edgemin", "edgemin_torch"]}})


def test_a_study_without_them_is_told_so():
    with pytest.raises(EdgeminError, match=r"tables.quantization: the study has none; add a float cell and quantized ones"):
        quantization.frame({"blocks": []})


@pytest.mark.parametrize(
    ("variant", "details"),
    [
        ({"backend": "torch"}, ""),
        ({"backend": "onnxruntime", "per_channel": False, "embeddings": True}, "per_channel false, embeddings true"),
        ({"scheme": "int8_static", "backend": "onnxruntime", "calibration": "entropy"}, "calibration entropy"),
        ({"scheme": "int4", "backend": "onnxruntime", "linear": 8}, "linear 8"),
    ],
)
def test_details_are_what_differs_from_the_defaults(variant, details):
    assert TypeAdapter(AnyQuantize).validate_python(variant).details == details


def bundles(plan):
    return Jobs(plan).make_bundle.files()


def test_bundles_are_of_the_ladders_last_cell_unless_others_are_named(changed):
    tables = {"stagewise": {"onnxruntime": ["teacher", "kd", "edgemin"], "torch": ["teacher", "edgemin_torch"]}}
    assert {file.rsplit("/", 1)[0] for file in bundles(plan(changed, tables=tables))} == {"results/smoke/deploy/edgemin/seed0"}
    more = bundles(plan(changed, deploy=["kd", "edgemin"], seeds=[0, 1]))
    assert {file.rsplit("/", 1)[0] for file in more} == {
        f"results/smoke/deploy/{cell}/seed{n}" for cell in ("kd", "edgemin") for n in (0, 1)
    }
    with pytest.raises(EdgeminError, match="deploy: 'x' is not a cell"):
        plan(changed, deploy=["x"])
    with pytest.raises(EdgeminError, match="deploy: cell 'edgemin_torch' is not measured in onnxruntime"):
        plan(changed, deploy=["edgemin_torch"])


def test_with_several_tasks_bundles_have_a_folder_for_each(changed):
    task = changed()["tasks"]["snippets"]
    several = plan(changed, tasks={"snippets": task, "others": task})
    assert several.bundle("others", "edgemin", 0) == "results/smoke/deploy/others/edgemin/seed0"


def test_the_sources_of_a_bundle_are_those_of_its_chain(changed):
    spec = Jobs(plan(changed)).make_bundle.about(Wildcards(fromdict={"cell": "edgemin", "seed": "0"}))
    assert spec["sources"] == ["teacher: random weights", "data of task snippets: local files of whoever ran the study"]
    assert spec["command"] == "snakemake --cores all results/smoke/deploy/edgemin/seed0/model.onnx"


def test_counts_of_a_graph_have_no_naive_one():
    parts = {name: {"logical": 1} for name in ("embeddings", "attention", "ffn", "rest")}
    found = parameters._counts({"naive": None, "logical": 4, "nonzero": 3, "bytes": 16, "components": parts})
    assert pd.isna(found["naive"])
    assert (found["logical"], found["ffn"]) == (4.0, 1.0)


def test_a_plot_of_two_schemes(tmp_path):
    numbers = {f"{name}{end}": 1.5 for name in ("quality_change", "speedup_over_parent") for end in ("", "_low", "_high")}
    rows = [
        {
            "task": "t",
            "runtime": "torch",
            "reference": "kd",
            "cell": cell,
            "scheme": scheme,
            "metric": "accuracy",
            "smaller": 2.0,
            **numbers,
        }
        for cell, scheme in (("kd", None), ("q_one", "bf16"), ("q_two", "int8_dynamic"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    files = [tmp_path / "plot.svg", tmp_path / "plot.png"]
    registry.PLOTS["quantization"].draw({}, [str(tmp_path / "table.csv")], map(str, files))
    text = files[0].read_text(encoding="utf-8")
    assert "q_one" in text
    assert "q_two" in text
    assert files[1].stat().st_size > 1000
