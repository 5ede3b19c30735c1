"""Which cells, files and jobs the tables and plots of a study are made of."""

from __future__ import annotations

import pytest

from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study import registry, rows
from edgemin.study.read import parse_study
from edgemin.study.table import measured_files
from planning import AUGMENT, CACHES, KD, MEASURED, MODELS, ORT, ROOT


@pytest.fixture
def plan(changed):
    def make(changes: dict | None = None) -> Plan:
        return Plan(parse_study(changed(changes)))

    return make


def spec(plan: Plan, table: str) -> dict:
    return registry.TABLES[table].spec(plan)


def measured(plan: Plan, table: str) -> list[str]:
    """What the job of a table reads."""
    return Jobs(plan).tables[table].inputs(None)["measured"]


def test_a_float_cell_is_measured_in_every_runtime_and_a_quantized_one_in_its_own(plan):
    """Three float cells in two runtimes, two quantized ones in one, and two baselines: ten rows a seed, four files each."""
    study = plan({"seeds": [0, 1]})
    found = rows.result_rows(study)
    assert len(found) == 2 * 10
    files = [file for cell in study.study.cells for file in study.cell_files(cell)]
    files += [file for name in study.study.baselines for file in study.baseline_files(name)]
    assert sorted(file for row in found for file in measured_files(row)) == sorted(files)
    assert Jobs(study).collect_results.inputs(None)["measured"] == [file for row in found for file in measured_files(row)]
    assert len(set(files)) == 2 * 10 * 4
    ort = [row for row in found if row["cell"] == "edgemin"]
    assert [(row["runtime"], row["seed"], row["chain"]) for row in ort] == [("onnxruntime", 0, ORT), ("onnxruntime", 1, ORT)]


def test_a_table_has_its_cells_in_order_and_a_row_per_seed(plan):
    table = spec(plan({"seeds": [4, 2]}), "stagewise")
    found = [(block["rows"][0]["about"], [row["cell"] for row in block["rows"]]) for block in table["blocks"]]
    assert found == [
        ({"runtime": "onnxruntime"}, ["teacher", "kd", "kd_prune", "edgemin"]),
        ({"runtime": "torch"}, ["teacher", "kd", "kd_prune", "edgemin_torch"]),
    ]
    assert {tuple(seed["seed"] for seed in row["seeds"]) for block in table["blocks"] for row in block["rows"]} == {(4, 2)}
    assert {block["metric"] for block in table["blocks"]} == {"accuracy"}


@pytest.mark.parametrize(("kind", "told"), [({}, {}), ({"tasks.snippets.kind": "classification"}, {"kind": "classification"})])
def test_a_table_is_judged_by_the_kind_of_task_that_the_study_names(plan, kind, told):
    """Left out, it follows from the metric."""
    block = spec(plan(kind), "stagewise")["blocks"][0]
    assert {name: block[name] for name in block if name in ("task", "metric", "kind")} == {
        "task": "snippets",
        "metric": "accuracy",
        **told,
    }


DISTILLED = {
    "cells.labels": "teacher/distill-labels",
    "cells.again": f"{KD}/distill-pairs",
    "distill.labels": {"student": {"layers": [1, 3]}, "phases": [{"terms": [{"objective": "labels"}]}]},
    "distill.pairs": {
        "teacher": "parent",
        "student": "parent",
        "transfer": "wide",
        "phases": [{"terms": [{"objective": "distilbert"}]}, {"terms": [{"objective": "logits"}]}],
    },
    **AUGMENT,
    "tables.distillation": {"labels": ["kd", "again"]},
}


def test_the_table_of_objectives_names_what_it_reads(plan):
    """The teacher beside a student is the study's own, whoever taught it; its seconds are those of the one that did."""
    table = spec(plan({**DISTILLED, "seeds": [0, 3]}), "distillation")
    assert (table["study"], table["runtime"], table["out_of_domain"]) == ("smoke", "torch", {"snippets": []})
    [block] = table["blocks"]
    assert (block["task"], block["metric"]) == ("snippets", "accuracy")
    assert [(row["cell"], row["chain"]) for row in block["rows"]] == [
        ("labels", "teacher/distill-labels"),
        ("kd", KD),
        ("again", f"{KD}/distill-pairs"),
    ]
    assert [len(row["seeds"]) for row in block["rows"]] == [2, 2, 2]
    folder = f"{ROOT}/measurements/snippets/seed3"
    assert block["rows"][2]["seeds"][1] == {
        "measured": f"{folder}/{KD}/distill-pairs/torch",
        "teacher": f"{folder}/teacher/torch",
        "elsewhere": False,
        "history": f"{ROOT}/models/snippets/seed3/{KD}/distill-pairs/history.json",
        "caches": [f"{ROOT}/caches/snippets/seed3/transfer-wide/{KD}/hidden_last.json"],
    }
    assert [row["seeds"][0]["caches"] for row in block["rows"][:2]] == [[], [f"{CACHES}/train/teacher/qkv_last.json"]]


def test_what_the_table_of_objectives_waits_for(plan):
    files = measured(plan(DISTILLED), "distillation")
    assert len(files) == len(set(files))
    chains = ("teacher", "teacher/distill-labels", KD, f"{KD}/distill-pairs")
    assert set(files) == {
        *(f"{MEASURED}/{chain}/torch/predictions.parquet" for chain in chains),
        *(f"{MEASURED}/{chain}/torch/quality.json" for chain in chains[1:]),
        *(f"{MODELS}/{chain}/history.json" for chain in chains[1:]),
        f"{CACHES}/train/teacher/qkv_last.json",
        f"{CACHES}/transfer-wide/{KD}/hidden_last.json",
    }
    tests = {"tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "t.csv"}}}}}
    more = set(measured(plan({**DISTILLED, **tests}), "distillation")) - set(files)
    assert more == {f"{MEASURED}/{chain}/torch/out_of_domain.json" for chain in chains[1:]}
    assert measured(plan(), "distillation") == []


def test_objectives_are_compared_where_no_export_is_needed_if_that_is_measured(plan):
    assert spec(plan({**DISTILLED, "runtimes": ["onnxruntime", "torch"]}), "distillation")["runtime"] == "torch"
    alone = plan({**DISTILLED, "runtimes": ["onnxruntime"], "tables.stagewise": {}})
    assert spec(alone, "distillation")["runtime"] == "onnxruntime"


def made(plan: Plan) -> set[str]:
    """Tables and plots that `everything` makes: each kind by one of its files."""
    jobs = Jobs(plan)
    declared = [job for job in jobs.tables.values() if job.table.declared(plan.study)]
    declared += [job for job in jobs.plots.values() if job.plot.declared(plan.study)]
    files = [file for job in declared for file in job.outputs.values()]
    return {file.removeprefix(f"{ROOT}/") for file in files if file.endswith((".md", ".png"))}


def test_everything_is_what_the_study_declares_anything_for(plan):
    """The ladder of the smoke study keeps its sweeps and scans; four names of tables are always there."""
    names = ("stagewise", "pareto_latency", "pareto_size", "sensitivity", "head_importance", "layer_sensitivity")
    first = made(plan())
    assert first == {
        "tables/stagewise.md",
        "tables/cells.md",
        "tables/literature.md",
        "tables/latency.md",
        *(f"plots/{name}.png" for name in names),
    }
    more = plan({"tables.quantization": {"kd_prune": ["edgemin"]}, "recommend": {"max_bytes": 9}, "sensitivity": None})
    names = ("tables/quantization.md", "tables/parameters.md", "tables/recommendation.md", "plots/quantization.png")
    assert made(more) - first == set(names)
    assert first - made(more) == {"plots/sensitivity.png", "plots/head_importance.png"}


def test_by_default_the_ladder_is_shown(plan):
    assert [name for name, table in registry.TABLES.all().items() if table.by_default] == ["cells", "stagewise"]
    by_default = [name for name, plot in registry.PLOTS.all().items() if plot.by_default]
    assert by_default == ["pareto_latency", "pareto_size", "stagewise"]


def test_a_plot_waits_for_the_table_that_it_shows_or_for_every_sweep(plan):
    plots = Jobs(plan({"seeds": [0, 1]})).plots
    assert plots["distillation"].inputs(None) == {"files": [f"{ROOT}/tables/distillation.csv"]}
    assert len(plots["layer_sensitivity"].inputs(None)["files"]) == 2  # a scan for each seed
    importance = plots["head_importance"].inputs(None)["files"]
    assert importance == [f"{ROOT}/sweeps/snippets/seed0/{KD}/heads-{name}.json" for name in ("magnitude", "oracle", "random")]
    sweeps = measured(plan({"seeds": [0, 1]}), "sensitivity")
    assert len(sweeps) == 2 * (3 + 1 + 1)  # criteria of heads, FFN neurons and single weights
