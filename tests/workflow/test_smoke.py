"""The smoke study end to end: what comes out, what a second run does, what a change re-runs, what a kill loses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from copies import CODE, Copy
from loaded import jobs_of, uncovered
from safetensors import safe_open

from edgemin.core.provenance import check_provenance

RESULTS = "results/smoke"
KD = f"{RESULTS}/models/snippets/seed0/teacher/distill-minilmv2"


def test_every_table_and_plot_is_there(finished: Copy) -> None:
    folder = finished.folder / RESULTS
    for name in ("results.csv", "stagewise.csv", "stagewise.md", "stagewise.tex"):
        assert (folder / "tables" / name).stat().st_size > 0
    for name in ("stagewise", "pareto_latency", "pareto_size"):
        assert (folder / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / "plots" / f"{name}.svg").read_text()[:600]


def test_the_page_has_every_cell_with_its_digests(finished: Copy) -> None:
    page = (finished.folder / RESULTS / "report/index.html").read_text(encoding="utf-8")
    for cell in ("teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"):
        assert f"snakemake --cores all --configfile config/smoke.yaml -- cell_{cell}<" in page
    record = json.loads((finished.folder / KD / "provenance.json").read_text())
    assert record["sha256"]["model.safetensors"] in page
    assert record["spec"]["code"] in page


def test_every_cell_is_measured_in_its_runtimes(finished: Copy) -> None:
    results = pd.read_csv(finished.folder / RESULTS / "tables/results.csv")
    measured = results.groupby("cell")["runtime"].unique().map(sorted).to_dict()
    both = ["onnxruntime", "torch"]
    others = {"majority": ["numpy"], "tfidf": ["numpy"], "static": ["onnxruntime"]}
    assert measured == {
        **others,
        "teacher": both,
        "kd": both,
        "kd_prune": both,
        "edgemin": ["onnxruntime"],
        "edgemin_torch": ["torch"],
    }
    assert set(results["metric"]) >= {
        "accuracy",
        "parameters_logical",
        "bytes",
        "compressed",
        "p50",
        "p90",
        "p99",
        "speedup_over_reference",
    }


def test_the_table_agrees_with_the_predictions(finished: Copy) -> None:
    table = pd.read_csv(finished.folder / RESULTS / "tables/stagewise.csv")
    for _, row in table.iterrows():
        file = finished.folder / RESULTS / "measurements/snippets/seed0" / row["chain"] / row["runtime"] / "predictions.parquet"
        test = pd.read_parquet(file).query("split == 'test'")
        assert row["quality"] == pytest.approx((test["prediction"] == test["label"]).mean())
        assert row["quality_low"] <= row["quality"] <= row["quality_high"]


def test_a_cascade_is_between_its_members(finished: Copy) -> None:
    """Everybody answers somewhere or not at all; the last member alone is as in the table of all cells, and the sizes add up."""
    tables = finished.folder / RESULTS / "tables"
    cascades = pd.read_csv(tables / "cascades.csv").set_index("name")
    cells = pd.read_csv(tables / "cells.csv").query("runtime in ['onnxruntime', 'numpy']").set_index("cell")
    found = cascades.loc["fast"]
    assert sum(map(float, found["answered"].split())) == pytest.approx(1)
    assert found["validation_drop"] <= 0.25
    assert found["bytes"] == cells.loc[["tfidf", "edgemin", "teacher"], "bytes"].sum()
    assert cascades.loc["teacher", "quality"] == cells.loc["teacher", "quality"]
    assert found["change_to_last"] == pytest.approx(found["quality"] - cells.loc["teacher", "quality"])
    told = json.loads(
        (finished.folder / RESULTS / "measurements/snippets/seed0/cascade-fast/onnxruntime/latency.json").read_text()
    )
    assert (told["rounds"], told["texts"], cascades["times"].tolist()) == (2, 2 * 18, ["its own", "measured"])
    assert found["faster"] == pytest.approx(told["faster"]["value"])
    assert sum(told["answered"].values()) == pytest.approx(1)


def test_rounds_are_pooled_and_no_row_contradicts_itself(finished: Copy) -> None:
    folder = finished.folder / RESULTS / "measurements/snippets/seed0"
    files = [file for file in sorted(folder.rglob("onnxruntime/latency.json")) if "cascade-" not in str(file)]
    pooled = {file.parent: json.loads(file.read_text()) for file in files}
    teacher = pooled[folder / "teacher/onnxruntime"]["single_stream"]["p50_ms"]["value"]
    for place, told in pooled.items():
        stream = told["single_stream"]
        rounds = [json.loads((place / f"rounds/{number}/latency.json").read_text()) for number in (1, 2)]
        assert (told["rounds"], len(told["each_round"])) == (2, 2)
        assert stream["calls"] == sum(one["single_stream"]["calls"] for one in rounds)
        assert rounds[0]["host"]["measured_at"] <= rounds[1]["host"]["measured_at"]
        if "speedup_over_reference" in stream:
            assert stream["p50_ms"]["value"] * stream["speedup_over_reference"]["value"] == pytest.approx(teacher)


def test_both_runtimes_give_the_same_float_predictions(finished: Copy) -> None:
    folder = finished.folder / RESULTS / "measurements/snippets/seed0/teacher"
    one, other = (pd.read_parquet(folder / runtime / "predictions.parquet") for runtime in ("onnxruntime", "torch"))
    assert list(one["id"]) == list(other["id"])
    for a, b in zip(one["logits"], other["logits"], strict=True):
        assert abs(a - b).max() < 1e-4  # the bound that the export is checked against


def test_counts_of_the_ladder(finished: Copy) -> None:
    """From the smoke study's sizes: width 32, 4 heads of 8, FFN 64. One head is 4*32*8 + 3*8 = 1048 parameters."""
    table = pd.read_csv(finished.folder / RESULTS / "tables/stagewise.csv").set_index("cell")
    layer = 4 * (32 * 32 + 32) + (2 * 32 * 64 + 64 + 32) + 4 * 32
    logical = table["logical"].groupby(level=0).first()
    assert logical["teacher"] - logical["kd"] == 2 * layer
    assert logical["kd"] - logical["kd_prune"] == 2 * 1048  # a quarter of two layers' eight heads
    assert logical["edgemin"] == logical["edgemin_torch"] == logical["kd_prune"]
    linear = 2 * layer - 2 * 4 * 32 - 2 * 1048 + (32 * 32 + 32) + (2 * 32 + 2)  # encoder, pooler, classifier
    assert table.loc["edgemin_torch", "naive"] == logical["edgemin_torch"] - linear


def test_nothing_is_pickled_and_everything_is_as_recorded(finished: Copy) -> None:
    folder = finished.folder / RESULTS
    allowed = {
        ".safetensors",
        ".json",
        ".onnx",
        ".parquet",
        ".arrow",
        ".csv",
        ".md",
        ".tex",
        ".png",
        ".svg",
        ".yaml",
        ".log",
        ".tsv",
        ".sha256",
        ".html",
    }
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("predict.py", "bench.py")]  # of a bundle
    assert {path.suffix for path in found} <= allowed
    assert not list(folder.rglob("*.partial"))
    assert not any((folder / "scratch").iterdir())
    for path in found:  # the benchmarks and logs of a run are about this machine; what it makes is not
        if path.suffix in (".onnx", ".safetensors", ".json", ".csv", ".parquet", ".arrow", ".html"):
            written = path.read_bytes()
            assert bytes(finished.folder) not in written, path
            assert os.fsencode(sys.prefix) not in written, path
    for provenance in folder.rglob("provenance.json"):
        check_provenance(provenance.parent)
    record = json.loads((finished.folder / KD / "provenance.json").read_text())
    assert record["spec"]["seed"] == 0
    assert any(parent.endswith("teacher/model.safetensors") for parent in record["parents"])


def test_pruned_heads_are_physically_gone(finished: Copy) -> None:
    folder = finished.folder / KD / "prune-heads25"
    config = json.loads((folder / "config.json").read_text())
    kept = [len(heads) for heads in config["edgemin"]["heads"]]
    assert sum(kept) == 6
    with safe_open(folder / "model.safetensors", "np") as weights:
        for layer, heads in enumerate(kept):
            name = f"bert.encoder.layer.{layer}.attention.self.query.weight"
            assert weights.get_slice(name).get_shape() == [8 * heads, 32]


def test_what_a_job_loads_is_covered_by_its_digest(finished: Copy) -> None:
    jobs = jobs_of(finished)
    assert len(jobs) > 20
    assert {rule: missing for rule, ran in jobs.items() if (missing := uncovered(rule, ran))} == {}


def test_a_second_run_does_nothing(finished: Copy) -> None:
    run = finished.run()
    assert run.code == 0
    assert "Nothing to be done" in run.output


def test_what_is_measured_again_does_not_differ(finished: Copy, tmp_path: Path) -> None:
    """`edgemin diff` of the results before and after: the same answers, sizes, settings, code, packages and machine."""
    shutil.copytree(finished.folder / RESULTS, tmp_path / "before", ignore=shutil.ignore_patterns("caches", "tokens", "scratch"))
    target = f"{RESULTS}/measurements/snippets/seed0/teacher/distill-minilmv2/torch/quality.json"
    before = (finished.folder / target).stat().st_mtime_ns
    assert finished.run("--force", "--", target).code == 0
    assert (finished.folder / target).stat().st_mtime_ns > before
    limits = [word for limit in ("drop > 0", "drop < 0", "larger > 1", "larger < 1") for word in ("--fail-if", limit)]
    run = finished.python(
        *("-m", "edgemin.cli.main", "diff", str(tmp_path / "before"), RESULTS, "--json", str(tmp_path / "diff.json")), *limits
    )
    assert run.code == 0, run.output
    told = json.loads((tmp_path / "diff.json").read_text())
    assert len(told["rows"]) == 11  # two of baselines, the others as of cells and runtimes
    assert all(row["identical"] for row in told["rows"])
    assert told["changes"] == {"settings": [], "code": [], "lineage": None, "weights": [], "versions": [], "host": []}
    assert finished.run().code == 0  # the tables that read it, for the tests below


PRUNE_AND_AFTER = {"prune_structured", "quantize_model_onnxruntime", "quantize_model_torch", "export_onnx"}
REPORT = {
    "collect_results",
    "table_cells",
    "table_cascades",
    "table_stagewise",
    "table_recommendation",
    "plot_stagewise",
    "plot_pareto_latency",
    "plot_pareto_size",
    "page",
    "tables",
    "write_study",
}
MEASURE = {"measure_quality", "measure_size", "measure_round", "measure_latency"}
CASCADE = {"time_cascade", "pool_cascade"}
JUDGE = {"accept_cell", "check_acceptance"}
"""A verdict is of answers: what changes none needs none."""


def _change_ratio(study: dict) -> None:
    study["prune"]["heads25"]["ratio"] = 0.5


def _change_question(study: dict) -> None:
    study["cells"]["kd"] = {"chain": study["cells"]["kd"], "question": "Is it worth it?"}


def _add_cell(study: dict) -> None:
    study["cells"]["quantized_teacher"] = "teacher/quantize-int8_dynamic_ort"


def _change_latency(study: dict) -> None:
    study["latency"]["calls"] = 31


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (_change_ratio, PRUNE_AND_AFTER | MEASURE | CASCADE | JUDGE | REPORT),
        (_change_question, {"write_study", "page", "table_recommendation", "plot_pareto_latency", "plot_pareto_size", "tables"}),
        (_add_cell, {"quantize_model_onnxruntime"} | MEASURE | JUDGE | REPORT - {"table_stagewise", "plot_stagewise"}),
        (_change_latency, {"measure_round", "measure_latency", "time_baseline", "pool_baseline"} | CASCADE | REPORT),
    ],
)
def test_a_change_re_runs_what_depends_on_it(finished: Copy, change: Callable[[dict], None], again: set[str]) -> None:
    study = finished.edit(change, to="config/changed.yaml")
    jobs = finished.dry(study=study).jobs
    assert set(jobs) - {"table_stagewise", "plot_stagewise"} <= again
    trained = {"train_teacher", "distill_student"}
    assert trained.isdisjoint(jobs)
    if change is _change_ratio:
        assert (jobs["prune_structured"], jobs["measure_quality"], jobs["export_onnx"]) == (1, 4, 1)
    if change is _add_cell:
        assert (jobs["quantize_model_onnxruntime"], jobs["measure_quality"], jobs["measure_latency"]) == (1, 1, 1)
        assert jobs["measure_round"] == 2


def test_editing_the_pruning_code_re_runs_pruning_and_what_follows(finished: Copy) -> None:
    source = finished.folder / "workflow/edgemin/methods/criteria/magnitude/score.py"
    text = source.read_text()
    try:
        source.write_text(text + CODE)
        jobs = finished.dry().jobs
    finally:
        source.write_text(text)
    assert jobs["prune_structured"] == 1
    assert {"train_teacher", "distill_student", "cache_teacher", "prepare_data"}.isdisjoint(jobs)


def test_a_deleted_model_is_rebuilt_alone_when_asked_for(finished: Copy) -> None:
    target = f"{KD}/prune-heads25/quantize-int8_dynamic_torch/model.safetensors"
    aside = finished.folder / "aside"
    shutil.move(finished.folder / target, aside)
    try:
        jobs = finished.dry(target).jobs
    finally:
        shutil.move(aside, finished.folder / target)
    assert jobs["quantize_model_torch"] == 1
    assert {"train_teacher", "distill_student", "prune_structured"}.isdisjoint(jobs)


def test_a_corrupt_checkpoint_is_named_and_nothing_follows(finished: Copy) -> None:
    """One flipped bit in the teacher: whoever reads it next says so."""
    file = finished.folder / f"{RESULTS}/models/snippets/seed0/teacher/model.safetensors"
    sound, stamp = file.read_bytes(), file.stat()
    broken = bytearray(sound)
    broken[-5] ^= 1
    target = f"{RESULTS}/measurements/snippets/seed0/teacher/torch/quality.json"
    try:
        file.write_bytes(broken)
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        run = finished.run("--force", "--", target)
    finally:
        file.write_bytes(sound)
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run.code != 0
    assert any("teacher/model.safetensors" in line and "sha256" in line for line in run.errors)
    assert finished.run("--", target).code == 0  # what the failed job took away comes back


def test_a_killed_distillation_goes_on_where_it_was(finished: Copy, tmp_path: Path) -> None:
    """kill -9 in the second phase; the resumed run gives the weights of the undisturbed one, bit by bit."""
    copy = Copy(tmp_path / "killed")
    for name in ("results", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name)

    def slower(study: dict) -> None:
        for phase in study["distill"]["minilmv2"]["phases"]:
            phase["epochs"] = 8

    study = copy.edit(slower)
    target = f"{KD}/model.safetensors"
    process = subprocess.Popen(
        copy.command("--", target, study=study),
        cwd=copy.folder,
        env=copy.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    scratch = copy.folder / RESULTS / "scratch"
    deadline = time.monotonic() + 240
    while not list(scratch.glob("*/phase2/checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline, "phase 2 left no checkpoint"
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (copy.folder / target).exists()
    assert copy.run("--unlock", study=study).code == 0  # a killed Snakemake leaves its lock, and says how to remove it
    resumed = copy.run("--", target, study=study)
    assert resumed.code == 0, resumed.output[-3000:]
    assert "already done, continuing with the next" in resumed.output
    assert "resumed at step" in resumed.output
    first = (copy.folder / target).read_bytes()
    undisturbed = copy.run("--force", "--", target, study=study)
    assert undisturbed.code == 0
    assert "resumed" not in undisturbed.output
    assert (copy.folder / target).read_bytes() == first
