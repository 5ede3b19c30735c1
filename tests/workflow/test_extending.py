"""The examples of docs/extending.md as they are there, added to a copy with a finished smoke study: new files alone, new jobs alone."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from copies import ROOT, Copy
from transformers import CamembertConfig, CamembertForSequenceClassification

RESULTS = "results/smoke"
MEASURED = {"measure_quality", "measure_size", "measure_latency"}
COLLECTED = {
    "collect_results",
    "write_study",
    "page",
    "plot_stagewise",
    "plot_pareto_latency",
    "plot_pareto_size",
    "table_recommendation",
    "tables",
}
# What the dry run has to list besides the collecting rules: the jobs of the new cell, in both runtimes if it is a float one.
BOTH = dict.fromkeys(MEASURED, 2)
NEW_JOBS: dict[str, dict[str, int]] = {
    "An objective": {"cache_teacher": 1, "distill_student": 1, "export_onnx": 1, **BOTH},
    "A pruning criterion": {"prune_structured": 1, "export_onnx": 1, **BOTH},
    "A structure to prune": {"prune_structured": 1, "export_onnx": 1, **BOTH},
    "A quantization scheme": {"quantize_model_onnxruntime": 1, **dict.fromkeys(MEASURED, 1)},
    "A runtime": dict.fromkeys(MEASURED, 3),  # of the three float cells
    "A table": {"table_files": 1},
    "A family of encoders": {"prepare_encoder": 1, "tokenize_texts": 3, "distill_student": 1, "export_onnx": 1, **BOTH},
}
ALSO_TRAINED_ON = {"cache_teacher"}
"""A teacher's signals go when a run has ended well; whoever trains on them has them computed again."""


@dataclass(frozen=True)
class Example:
    files: dict[str, str]
    study: dict[str, Any]


def read_examples() -> dict[str, Example]:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    found = {}
    for section in text.split("## Seven examples")[1].split("\n## ")[0].split("\n### ")[1:]:
        files = dict(re.findall(r"^`(workflow/\S+)`\n\n```python\n(.*?)```", section, re.MULTILINE | re.DOTALL))
        (study,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
        found[section.partition("\n")[0]] = Example(files, yaml.safe_load(study))
    return found


EXAMPLES = read_examples()


def merged(study: dict, more: dict) -> None:
    """What an example says is added to a study."""
    for key, value in more.items():
        if isinstance(value, dict):
            merged(study.setdefault(key, {}), value)
        else:
            study[key] = value


def add(copy: Copy, files: dict[str, str]) -> None:
    """Only new files."""
    for name, text in files.items():
        file = copy.folder / name
        assert not file.exists(), name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def extended(finished: Copy, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The finished copy, with the files of all examples added; nothing that was there is changed."""
    copy = Copy(tmp_path_factory.mktemp("extended"))
    for name in ("results", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name)
    for example in EXAMPLES.values():
        add(copy, example.files)
    _camembert(copy)
    return copy


def _camembert(copy: Copy) -> None:
    """A tiny model of that family, with the smoke study's tokenizer."""
    folder = copy.folder / "models/camembert"
    (source,) = (copy.folder / RESULTS / "encoders/snippets").iterdir()
    vocabulary = len(json.loads((source / "tokenizer.json").read_text())["model"]["vocab"])
    config = CamembertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=0,
    )
    CamembertForSequenceClassification(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder)


def test_there_are_seven_and_each_has_its_files() -> None:
    assert set(EXAMPLES) == set(NEW_JOBS)
    assert all(example.files and example.study for example in EXAMPLES.values())


def test_new_files_alone_run_nothing(extended: Copy) -> None:
    """Eleven new files, and the study as it was: everything stays."""
    run = extended.dry()
    assert run.code == 0, run.output[-3000:]
    assert "Nothing to be done" in run.output


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_the_new_cell_and_what_collects_is_run(extended: Copy, name: str) -> None:
    study = extended.edit(lambda content: merged(content, EXAMPLES[name].study), to="config/extended.yaml")
    targets = ("table_files",) if name == "A table" else ()
    jobs = extended.dry(*targets, study=study).jobs
    new = {rule: count for rule, count in jobs.items() if rule not in COLLECTED}
    if name == "A family of encoders":
        new = {rule: count for rule, count in new.items() if rule not in ALSO_TRAINED_ON}
    assert new == NEW_JOBS[name]


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
    page = (folder / "report/index.html").read_text(encoding="utf-8")
    assert "ONNX Runtime, unfused" in page


def test_a_criterion_scored_by_hand(extended: Copy, tmp_path: Path) -> None:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"## A number by hand.*?```python\n(.*?)```", text, re.DOTALL)
    run = extended.python("-c", code)
    assert run.code == 0, run.output


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
