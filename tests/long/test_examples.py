"""The examples of docs/extending.md, run; and a kind of task."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from copies import ROOT, Copy
from examples import EXAMPLES, RESULTS, add, merged


@pytest.fixture(scope="module")
def ran(extended: Copy) -> Copy:
    """All seven in one study, run."""

    def all_of_them(content: dict) -> None:
        for example in EXAMPLES.values():
            merged(content, example.study)

    study = extended.edit(all_of_them, to="config/extended.yaml")
    run = extended.run("--", "tables", "table_files", study=study)
    assert run.code == 0, run.output[-5000:]
    return extended


def _logits(copy: Copy, chain: str, runtime: str) -> np.ndarray:
    folder = copy.folder / RESULTS / "measurements/snippets/seed0" / chain / runtime
    return np.stack(pd.read_parquet(folder / "predictions.parquet")["logits"])


KD = "teacher/distill-minilmv2"


def test_what_the_examples_compute(ran: Copy) -> None:
    folder = ran.folder / RESULTS
    results = pd.read_csv(folder / "tables/results.csv")
    cells = results.query("metric == 'bytes' and runtime == 'onnxruntime'").set_index("cell")["value"]
    assert {"direction", "peak25", "short", "half", "french"} <= set(cells.index)
    # Unread positions are gone, and the answers are the same: 64 - 32 rows of 32 floats.
    assert np.abs(_logits(ran, f"{KD}/prune-short", "torch") - _logits(ran, KD, "torch")).max() < 1e-5
    parameters = results.query("metric == 'parameters_logical' and runtime == 'torch'").set_index("cell")["value"]
    assert parameters["kd"] - parameters["short"] == 32 * 32
    # A quarter of the heads, as by any other criterion.
    assert parameters["peak25"] == parameters["kd_prune"]
    # Matrices have half the bytes; the answers differ by their rounding.
    assert 0.4 * cells["kd"] < cells["half"] < 0.8 * cells["kd"]
    assert 0 < np.abs(_logits(ran, f"{KD}/quantize-half", "onnxruntime") - _logits(ran, KD, "onnxruntime")).max() < 1e-2
    # With or without joined nodes.
    assert np.abs(_logits(ran, KD, "unfused") - _logits(ran, KD, "onnxruntime")).max() < 1e-4
    history = json.loads((folder / "models/snippets/seed0/teacher/distill-direction/history.json").read_text())
    assert 0 <= history["phases"][0]["last_terms"]["cosine"] <= 2
    files = pd.read_csv(folder / "tables/files.csv")
    assert files["bytes"].sum() == cells["edgemin"]
    shown = json.loads((folder / "tables/files.json").read_text(encoding="utf-8"))["rows"]
    assert sum(row["cells"][-1]["number"] for row in shown) * 1000 == pytest.approx(cells["edgemin"])
    page = (folder / "report/index.html").read_text(encoding="utf-8")
    assert "ONNX Runtime, unfused" in page


# -- a kind of task --------------------------------------------------------------------------------------------------

MULTILABEL = ROOT / "tests/extensions/multilabel"


def _several_classes(copy: Copy) -> str:
    """A study of the smoke study's sentences with two classes at once: whether they are positive, and how long they are. No label of a transfer row."""
    rows = pd.read_csv(copy.folder / "tests/data/snippets.csv")
    positive, short = rows["label"] == 1, rows["text"].str.split().str.len() < 7
    classes = [
        ";".join(["positive"] * good + ["short" if brief else "long"]) for good, brief in zip(positive, short, strict=True)
    ]
    rows.assign(classes=classes).to_csv(copy.folder / "several.csv", index=False)
    content = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    task = content["tasks"]["snippets"]
    task.pop("out_of_domain")
    task |= {"source": {"files": {"train": "several.csv"}}, "label": "classes", "label_names": ["positive", "short", "long"]}
    study = {
        "study": "several",
        "tasks": {"classes": task | {"metric": "exact_match"}},
        **{key: content[key] for key in ("transfer", "teacher", "seeds", "latency")},
        "distill": {
            "logits": {
                "student": {"layers": [1, 3]},
                "transfer": "wide",
                "phases": [{"epochs": 2, "learning_rate": 1e-3, "terms": [{"objective": "logits"}, {"objective": "labels"}]}],
            }
        },
        "prune": {"ffn50": {"structure": "ffn", "ratio": 0.5, "criterion": "taylor", "sentences": 32}},
        "quantize": {"int8": {"backend": "onnxruntime"}},
        "cells": {
            "teacher": "teacher",
            "kd": "teacher/distill-logits",
            "small": "teacher/distill-logits/prune-ffn50",
            "int8": "teacher/distill-logits/prune-ffn50/quantize-int8",
        },
        "tables": {"stagewise": {"onnxruntime": ["teacher", "kd", "small", "int8"]}},
    }
    (copy.folder / "config/several.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return "config/several.yaml"


def test_a_kind_of_task_touches_its_own_files_alone(ran: Copy) -> None:
    """Texts with several classes at once, from the file to the bundle's answer."""
    add(
        ran,
        {
            f"workflow/edgemin/data/kinds/multilabel/{file.name}": file.read_text(encoding="utf-8")
            for file in MULTILABEL.glob("*.py")
        },
    )
    assert "Nothing to be done" in ran.dry("tables", "table_files", study="config/extended.yaml").output
    study = _several_classes(ran)
    run = ran.run("--", "tables", "deploy", study=study)
    assert run.code == 0, run.output[-5000:]
    folder = ran.folder / "results/several"
    table = pd.read_csv(folder / "tables/stagewise.csv").set_index("cell")
    answers = pd.read_parquet(folder / "measurements/classes/seed0/teacher/onnxruntime/predictions.parquet").query(
        "split == 'test'"
    )
    labels, told = (np.stack(answers[name]) for name in ("label", "prediction"))
    assert labels.shape == (24, 3)
    assert table.loc["teacher", "quality"] == pytest.approx((labels == told).all(1).mean())
    config = json.loads((folder / "models/classes/seed0/teacher/config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    bundle = ran.python(str(folder / "deploy/int8/seed0/predict.py"), "a moving little thriller")
    answer = json.loads(bundle.output.splitlines()[-1])
    assert set(answer["probabilities"]) == {"positive", "short", "long"}
    assert answer["labels"] == [name for name, chance in answer["probabilities"].items() if chance > 0.5]
