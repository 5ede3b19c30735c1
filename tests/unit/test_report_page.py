"""The page: facts by hand, and what it reads."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import SHA, written
from scipy.stats import t

from edgemin.core.errors import EdgeminError
from edgemin.plan import page
from edgemin.plan.plan import Plan
from edgemin.report.page import render
from edgemin.report.page.links import chains_of, machines_of
from edgemin.report.page.points import points_of
from edgemin.report.page.summary import summaries
from edgemin.report.page.tables import read_table
from edgemin.study.read import parse_study


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    with written(tmp_path_factory.mktemp("page")) as found:
        yield found


@pytest.fixture(scope="module")
def tables(spec):
    return Path(spec["root"]) / "tables"


def test_a_step_that_is_not_a_pair_has_both_times(spec, tables, tmp_path):
    rows = pd.read_csv(tables / "stagewise.csv")
    for column in ("chain", "against"):
        rows[column] = rows[column].str.replace("/prune-", "/prune-first/prune-")
    rows.to_csv(tmp_path / "stagewise.csv", index=False)
    onnx, _ = summaries(spec, tmp_path)
    assert onnx["steps"][1]["sentences"][-1] == "p50 goes from 2.00 to 2.00 ms; the two were not timed as a pair."


def test_a_speed_up_is_told_of_the_row_that_was_timed_beside_it(spec, tables):
    """Of two cuts in a row without a recovery in between, the second is timed beside the model before both: its ratio is not to the first cut."""
    chains = list(pd.read_csv(tables / "stagewise.csv")["chain"])[1:3]
    told = summaries({**spec, "timed_with": {chains[1]: "teacher/distill-other"}}, tables)[0]["steps"][1]["sentences"][-1]
    assert told == "p50 goes from 2.00 to 2.00 ms; the two were not timed as a pair."
    assert "1.00×" in summaries(spec, tables)[0]["steps"][1]["sentences"][-1]


def test_the_page_is_told_who_was_timed_with_whom(changed):
    """A cut without a recovery, and a second one: both are timed beside the student."""
    links = {
        "prune.bare": {"ratio": 0.5},
        "cells.one": "teacher/distill-minilmv2/prune-bare",
        "cells.two": "teacher/distill-minilmv2/prune-bare/prune-heads25",
    }
    pairs = page.timed_with(Plan(parse_study(changed(links))), ["kd", "one", "two"])
    assert pairs == dict.fromkeys((links["cells.one"], links["cells.two"]), "teacher/distill-minilmv2")


def test_a_step_names_all_that_was_done_since_the_row_before(spec, tables, tmp_path):
    """A cut that has no row of its own is no quantization."""
    rows = pd.read_csv(tables / "stagewise.csv")
    kept = rows[rows["chain"].isin(["teacher"]) | rows["chain"].str.contains("/quantize-")].copy()
    kept.loc[kept["chain"] != "teacher", "against"] = "teacher"
    kept.to_csv(tmp_path / "stagewise.csv", index=False)
    steps = [step for ladder in summaries(spec, tmp_path) for step in ladder["steps"]]
    assert steps
    for step in steps:
        assert step["stage"] == "Distillation and pruning and quantization"
        assert step["variant"].count(" → ") == 2


def test_points_by_hand(tables):
    """28 of 40 sentences are 70 %, 20 points below the teacher's 36; 32 are answered alike."""
    points = {point["id"]: point for point in points_of(tables)}
    assert len(points) == 4 + 4
    kd = points["snippets/kd/onnxruntime"]
    figures = {"quality": 70.0, "change": -20.0, "validation": 50.0, "agreement": 80.0, "mb": 2.0, "smaller": 2.0, "logical": 1.0}
    figures |= {"p50": 2.0, "p50_low": 1.8, "p90": 3.0, "speedup": 4.0, "speedup_high": 4.4}
    assert {name: kd["values"][name] for name in figures} == pytest.approx(figures)
    assert kd["values"]["quality_low"] < 70 < kd["values"]["quality_high"]
    # Eight of 40 are lost and none is won: the paired differences have the variance 0.2 * 0.8 * 40 / 39.
    half = t.ppf(0.975, 39) * np.sqrt(0.2 * 0.8 / 39) * 100
    low, high = (kd["values"][f"change_{end}"] for end in ("low", "high"))
    assert (low, high) == pytest.approx((-20 - half, -20 + half))
    assert (kd["texts"]["p50"], kd["texts"]["change"], kd["texts"]["smaller"]) == (
        "2.00 [1.80, 2.20]",
        f"−20.00 [{low:.2f}, {high:.2f}]".replace("-", "−"),
        "2.0×",
    )
    assert (kd["last"], kd["stages"], kd["variants"]) == ("distill", ["distill"], ["distill-minilmv2"])
    assert points["snippets/kd/torch"]["values"]["p50"] == 4.0


def test_what_is_missing_is_a_dash_and_null(tables):
    points = points_of(tables)
    silent = next(point for point in points if point["cell"] == "edgemin_torch")
    assert silent["values"]["p50"] is None
    assert silent["texts"]["p50"] == "–"
    assert silent["values"]["quality"] == 67.5
    row = next(row for row in read_table(tables, "cells")["rows"] if row["cell"] == "edgemin_torch")
    assert [cell["number"] for cell in row["cells"] if cell["text"] == "–"] == [None] * 3  # p50, p90, speed-up
    quality = row["cells"][2]
    assert quality["text"].startswith("67.50 [")
    assert quality["low"] < quality["number"] == 67.5 < quality["high"]


def test_the_ladder_in_words(spec, tables):
    onnx, torch = summaries(spec, tables)
    assert [tile["figure"] for tile in onnx["tiles"]] == ["−22.50 points", "8.0×", "8.00×"]
    assert onnx["tiles"][0]["more"] == "90.00 → 67.50 %: a loss"
    kd, pruned, quantized = (" ".join(step["sentences"]) for step in onnx["steps"])
    assert re.search(
        r"costs <strong><span class=\"whole\">20\.00 points \[\d+\.\d\d, \d+\.\d\d\]</span></strong> of accuracy", kd
    )
    assert "It is 2.00× smaller (4 → 2 MB)." in kd.replace(".00 →", " →").replace(".00 MB", " MB")
    assert '<span class="whole">4.00× [3.60, 4.40]</span> as fast.' in kd
    assert "not significant (the interval contains 0)" in pruned
    assert "A change of speed is <em>not significant (the interval contains 1)</em>" in pruned
    assert "not significant (the interval contains 0)" in quantized
    told = "A loss of quality is shown for <code>kd</code>. For <code>kd_prune</code> and <code>edgemin</code> no significant change of quality"
    assert onnx["verdict"].startswith(told)
    assert [tile["words"] for tile in torch["tiles"]][1:] == ["smaller"]  # its last cell has no latency


def test_two_ladders_are_told_apart(spec, tables, tmp_path):
    """The second goes on from the teacher, below the first."""
    table = pd.read_csv(tables / "stagewise.csv")
    table = table[table["runtime"] == "onnxruntime"]
    second = table[table["cell"].isin(["kd", "kd_prune"])].copy()
    second["cell"] = ["best_kd", "best"]
    second["chain"] = ["teacher/distill-other", "teacher/distill-other/prune-other"]
    second["against"] = ["teacher", "teacher/distill-other"]
    pd.concat([table, second]).to_csv(tmp_path / "stagewise.csv", index=False)
    found = summaries(spec, tmp_path)
    assert [(one["title"], one["last"]) for one in found] == [
        ("In ONNX Runtime", "edgemin"),
        ("In ONNX Runtime", "best"),
    ]
    assert [step["cell"] for step in found[1]["steps"]] == ["best_kd", "best"]


def test_a_gain_is_called_one(spec, tables, tmp_path):
    table = pd.read_csv(tables / "stagewise.csv")
    table.loc[table["cell"] == "kd", ["quality_change", "quality_change_low", "quality_change_high"]] = [0.02, 0.01, 0.03]
    table.to_csv(tmp_path / "stagewise.csv", index=False)
    step = summaries(spec, tmp_path)[0]["steps"][0]
    assert 'It gains <strong><span class="whole">2.00 points [1.00, 3.00]</span></strong> of accuracy.' in step["sentences"]


def test_a_ratio_of_one_round_is_told_without_an_interval(spec, tables, tmp_path):
    table = pd.read_csv(tables / "stagewise.csv")
    table[[f"speedup_over_{other}_{end}" for other in ("reference", "parent") for end in ("low", "high")]] = float("nan")
    table.to_csv(tmp_path / "stagewise.csv", index=False)
    summary = summaries(spec, tmp_path)[0]
    assert (summary["tiles"][2]["figure"], summary["tiles"][2]["words"]) == ("8.00×", "faster")
    told = 'It is <span class="whole">4.00×</span> as fast, by one round: without an interval.'
    assert told in summary["steps"][0]["sentences"]


def test_links_and_machines(spec):
    chains = {chain["cell"]: chain for chain in chains_of(spec)}
    edgemin_ = chains["edgemin"]
    assert edgemin_["command"] == "snakemake --cores all cell_edgemin"
    assert [link["title"] for link in edgemin_["links"]] == [
        "teacher",
        "distill-minilmv2",
        "prune-heads25",
        "quantize-int8_dynamic_ort",
    ]
    assert "ratio: 0.25" in edgemin_["links"][2]["settings"]
    (model,) = edgemin_["links"][2]["models"]
    assert model["files"] == {"model.safetensors": SHA, "model.onnx": SHA[::-1]}
    assert (model["seconds"], model["updates"], model["code"]) == (pytest.approx(42.6), 30, "c0de")
    assert edgemin_["links"][3]["models"][0]["seconds"] is None
    machines = machines_of(spec)
    assert [machine["facts"]["cpu"] for machine in machines["made"]] == ["CPU of the trainer"]
    (measured,) = machines["measured"]
    assert measured["ranges"]["load_1min"] == (0.5, 0.5)


def test_a_table_reads_as_its_files_say(tables):
    table = read_table(tables, "stagewise")
    found = pd.read_csv(tables / "stagewise.csv")
    assert [row["cell"] for row in table["rows"]] == list(found["cell"])
    assert [row["runtime"] for row in table["rows"]] == list(found["runtime"])
    assert [row["starts"] for row in table["rows"]] == [False] * 4 + [True] + [False] * 3
    headings = [column["heading"] for column in table["columns"]]
    quality = [row["cells"][headings.index("accuracy %")] for row in table["rows"]]
    assert [cell["number"] for cell in quality] == [90, 70, 70, 67.5, 90, 70, 70, 67.5]
    assert [cell["low"] for cell in quality] == [100 * low for low in found["quality_low"]]
    assert [cell["best"] for cell in quality] == [True, *[False] * 3] * 2  # above all others by more than the interval
    assert quality[0]["text"].startswith("90.00 [")
    sides = {column["heading"]: column["align"] for column in table["columns"]}
    assert (sides["p50 ms"], sides["cell"]) == ("right", "left")
    assert (table["title"], table["study"]) == ("Stage by stage", "smoke")
    assert table["first"].startswith("One seed: with others,")
    assert table["note"].startswith("Quality and its change: test split")


@pytest.mark.parametrize("content", ["[]", "{}", '{"name": "t", "rows": []}'])
def test_a_table_of_another_version_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    with pytest.raises(EdgeminError, match=r"t\.json: is no table of this version; delete it and run snakemake again"):
        read_table(tmp_path, "t")


def test_a_table_on_the_page_makes_its_cells_default_ones(changed):
    links = {"cells.ffn": "teacher/distill-minilmv2/prune-ffn50", "tables.pruning": {"kd": ["ffn"]}}
    assert "ffn" not in parse_study(changed(links)).default_cells()
    study = parse_study(changed(links | {"page": ["stagewise", "pruning"]}))
    assert "ffn" in study.default_cells()
    plan = Plan(study)
    assert page.spec(plan)["tables"] == {"stagewise": None, "pruning": "onnxruntime"}
    files = page.files(plan)
    assert "results/smoke/tables/pruning.json" in files["tables"]
    model = "results/smoke/models/snippets/seed0/teacher/distill-minilmv2/prune-ffn50"
    assert {f"{model}/{name}.json" for name in ("provenance", "history", "onnx_provenance")} <= set(files["models"])
    quantized = "results/smoke/models/snippets/seed0/teacher/distill-minilmv2/prune-heads25/quantize-int8_dynamic_ort"
    assert [file for file in files["models"] if file.startswith(quantized)] == [f"{quantized}/provenance.json"]


def test_the_page_reads_each_file_once_and_graphs_only_where_they_are_run(changed):
    told = page.files(Plan(parse_study(changed())))
    files = [file for group in told.values() for file in group]
    assert len(files) == len(set(files))
    assert told["plots"] == [f"results/smoke/plots/{name}.svg" for name in render.PLOTS]
    ladder = {"torch": ["teacher", "kd", "kd_prune", "edgemin_torch"]}
    study = changed({"runtimes": ["torch"], "tables": {"stagewise": ladder}})
    study["cells"].pop("edgemin")
    models = page.files(Plan(parse_study(study)))["models"]
    assert [file for file in models if file.endswith("onnx_provenance.json")] == []


def test_of_each_table_the_page_reads_its_numbers_and_what_it_shows(changed):
    study = parse_study(changed({"page": ["sensitivity", "recommendation"], "sensitivity": {"cell": "kd"}}))
    files = page.files(Plan(study))["tables"]
    tables = ("cells.csv", "cells.json", "sensitivity.csv", "sensitivity.json", "recommendation.csv", "recommendation.md")
    assert files == [f"results/smoke/tables/{name}" for name in tables]


def test_the_page_reads_what_its_marks_need(changed):
    """The recommendation's cells, though the page does not show the recommendation; nothing of the kind without limits."""
    read = {
        limits: page.files(Plan(parse_study(changed({"page": ["stagewise"], "recommend": found}))))["tables"]
        for limits, found in ((True, {"max_bytes": 9}), (False, None))
    }
    assert {*read[True]} - {*read[False]} == {"results/smoke/tables/recommendation.csv"}


@pytest.mark.parametrize(
    ("named", "said"),
    [(["subsets"], "page: the study has no table 'subsets'"), (["stagewise", "stagewise"], "page: ['stagewise'] stand twice")],
)
def test_a_page_of_nothing_is_refused(changed, named, said):
    with pytest.raises(EdgeminError, match=re.escape(said)):
        parse_study(changed({"page": named}))
