"""The tables of quantization and of parameters, end to end on the smoke study."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from copies import Copy

RESULTS = "results/smoke"
KD = "teacher/distill-minilmv2/prune-heads25"


@pytest.fixture(scope="module")
def quantized(finished: Copy) -> Copy:
    run = finished.run("--", "table_quantization", "plot_quantization", "plot_layer_sensitivity", "table_parameters")
    assert run.code == 0, run.output[-5000:]
    assert {"train_teacher", "distill_student"}.isdisjoint(run.jobs)
    assert (run.jobs["quantize_model_onnxruntime"], run.jobs["quantize_model_torch"]) == (2, 1)  # the ladder has its own
    assert run.jobs["quantize_aware_onnxruntime"] == 1
    return finished


def test_each_scheme_is_compared_with_its_parent_in_its_runtime(quantized: Copy) -> None:
    folder = quantized.folder / RESULTS
    table = pd.read_csv(folder / "tables/quantization.csv")
    rows = list(zip(table["runtime"], table["cell"], strict=True))
    assert rows == [
        *(("onnxruntime", cell) for cell in ("kd_prune", "edgemin", "q_static", "q_qat", "q_int4")),
        *(("torch", cell) for cell in ("kd_prune", "edgemin_torch", "q_bf16")),
    ]
    for _, row in table.iterrows():
        found = pd.read_parquet(folder / "measurements/snippets/seed0" / row["chain"] / row["runtime"] / "predictions.parquet")
        parent = pd.read_parquet(folder / "measurements/snippets/seed0" / KD / row["runtime"] / "predictions.parquet")
        tests, parents = (frame.query("split == 'test'") for frame in (found, parent))
        assert row["quality"] == pytest.approx((tests["prediction"] == tests["label"]).mean())
        checked = found.query("split == 'validation'")
        assert row["validation"] == pytest.approx((checked["prediction"] == checked["label"]).mean())
        if row["chain"] != KD:
            assert row["agreement"] == pytest.approx((tests["prediction"] == parents["prediction"]).mean())
            assert 0.2 < row["speedup_over_parent"] < 5
    sizes = table.set_index(["runtime", "cell"])["bytes"]
    assert sizes["onnxruntime", "q_int4"] < sizes["onnxruntime", "edgemin"] < sizes["onnxruntime", "kd_prune"]
    assert sizes["torch", "q_bf16"] < sizes["torch", "kd_prune"]
    text = (folder / "tables/quantization.md").read_text()
    assert "calibration percentile, sentences 32, skip ['layer.0']" in text
    for name in ("quantization", "layer_sensitivity"):
        assert (folder / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_scan_quantizes_each_part_alone_and_all_together(quantized: Copy) -> None:
    found = json.loads((quantized.folder / RESULTS / "scans/snippets/seed0/teacher/distill-minilmv2/int8.json").read_text())
    parts = {point["part"]: point["divergence"] for point in found["points"]}
    layers = [f"layer {number} {part}" for number in (0, 1) for part in ("attention", "ffn")]
    assert list(parts) == ["embeddings", *layers, "head", "all"]
    assert all(value > 0 for value in parts.values())
    assert parts["all"] > min(parts.values())
    assert found["sentences"] == 12


def test_packed_weights_vanish_from_one_count_alone(quantized: Copy) -> None:
    table = pd.read_csv(quantized.folder / RESULTS / "tables/parameters.csv").set_index(["runtime", "cell"])
    torch = table.loc["torch"]
    assert torch.loc["edgemin_torch", "logical"] == torch.loc["kd_prune", "logical"] == torch.loc["kd_prune", "naive"]
    assert torch.loc["edgemin_torch", "vanished"] > 0.3 * torch.loc["edgemin_torch", "logical"]
    assert torch.loc["q_bf16", "vanished"] == torch.loc["kd_prune", "vanished"] == 0
    assert table.loc["onnxruntime", "naive"].isna().all()
    assert torch.loc["ffn50", "removed"] == torch.loc["kd", "removed"] + 64 * 65  # neurons that are really gone
    text = (quantized.folder / RESULTS / "tables/parameters.md").read_text()
    assert "vanished M" in text


def test_a_study_without_them_is_told_so(quantized: Copy) -> None:
    study = quantized.edit(lambda content: content["tables"].pop("quantization"), to="config/none.yaml")
    run = quantized.run("--", "table_quantization", study=study)
    assert run.code != 0
    assert "tables.quantization: the study has none; add a float cell and quantized ones" in run.output
