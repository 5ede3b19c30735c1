"""Bring your own: the worked example of docs/own-data.md as it stands there, and a regression on sentence pairs."""

from __future__ import annotations

import csv
import itertools
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from copies import ROOT, Copy
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from edgemin.data import store

GOOD, BAD = ["warm", "funny", "clever", "moving", "fresh"], ["dull", "cold", "clumsy", "noisy", "empty"]
THINGS = ["film", "story", "cast", "script", "score", "ending", "plot", "tone", "pace", "scene"]


def _example() -> str:
    text = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(study: mine\n.*?)```", text, re.DOTALL)
    assert found
    return found.group(1)


def _write(path: Path, header: list[str], rows: list[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def _reviews() -> list[tuple[str, str]]:
    """1,400 different sentences, half of each class, in a fixed order."""
    rows = []
    for label, words in (("positive", GOOD), ("negative", BAD)):
        for a, b, thing, other in itertools.product(words, words, THINGS, THINGS):
            if a != b and thing != other:
                rows.append((f"a {a} {thing} and {b} {other}", label))
    random.Random(1).shuffle(rows)
    half = {label: [row for row in rows if row[1] == label][:700] for label in ("positive", "negative")}
    return [row for pair in zip(half["positive"], half["negative"], strict=True) for row in pair]


def _own_model(folder: Path, labels: list[str]) -> dict[str, torch.Tensor]:
    """A user's twelve-layer classifier, as `save_pretrained` writes it; returns its weights."""
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "and", *GOOD, *BAD, *THINGS]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=130,
        id2label=dict(enumerate(labels)),
        label2id={name: index for index, name in enumerate(labels)},
    )
    model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    return model.state_dict()


def test_the_worked_example_of_the_docs(copy: Copy) -> None:
    text = _example()
    assert len(text.strip().splitlines()) <= 15
    (copy.folder / "config/mine.yaml").write_text(text, encoding="utf-8")
    names = yaml.safe_load(text)["tasks"]["reviews"]["label_names"]
    rows = _reviews()
    _write(copy.folder / "data/train.csv", ["text", "label"], rows[:1300])
    _write(copy.folder / "data/test.csv", ["text", "label"], rows[1300:])
    weights = _own_model(copy.folder / "models/my-bert", names)

    run = copy.run(study="config/mine.yaml")
    assert run.code == 0, run.output[-3000:]
    table = pd.read_csv(copy.folder / "results/mine/tables/stagewise.csv")
    assert set(table["cell"]) == {"teacher", "int8", "small"}
    folder = copy.folder / "results/mine/models/reviews/seed0/teacher"
    kept = load_file(folder / "model.safetensors")
    assert kept.keys() == weights.keys()
    assert all(torch.equal(kept[name], weights[name]) for name in weights)  # training: none leaves it as it came
    assert len(store.read_split(copy.folder / "results/mine/data/reviews", "test")) == 100

    # The same model with its classes named the other way round is refused as the DAG is built: its config is here by now.
    def swapped(study: dict) -> None:
        study["tasks"]["reviews"]["label_names"] = names[::-1]

    refused = copy.dry(study=copy.edit(swapped, "config/mine.yaml"))
    assert refused.code != 0
    assert "tasks.reviews.label_names" in refused.output
    assert "Traceback" not in refused.output


def test_regression_on_sentence_pairs(copy: Copy) -> None:
    """Similarity of two sentences as the share of words that they have in common, Spearman's correlation as the metric."""
    texts = [text for text, _ in _reviews()]
    order = np.random.default_rng(0).permutation(len(texts))
    pairs = [(texts[a], texts[b]) for a, b in zip(order[:300], order[300:600], strict=True)]
    rows = [(a, b, round(len(set(a.split()) & set(b.split())) / len(set(a.split()) | set(b.split())), 3)) for a, b in pairs]
    _write(copy.folder / "pairs.csv", ["one", "two", "score"], rows)
    study = {
        "study": "pairs",
        "tasks": {
            "similarity": {
                "source": {"files": {"train": "pairs.csv"}},
                "text": ["one", "two"],
                "label": "score",
                "metric": "spearman",
                "splits": {"validation": 50, "test": 80},
                "max_length": 40,
            }
        },
        "teacher": {"source": {"random": {}}, "training": [{"epochs": 4, "learning_rate": 0.002}]},
        "distill": {"half": {"student": {"layers": [0, 2]}, "phases": [{"epochs": 2, "terms": [{"objective": "logits"}]}]}},
        "quantize": {"int8": {"backend": "onnxruntime"}},
        "cells": {"teacher": "teacher", "small": "teacher/distill-half/quantize-int8"},
        "seeds": [0],
        "runtimes": ["onnxruntime"],
        "latency": {"calls": 20, "minimum_calls": 20, "blocks": 4, "warmup": 2, "batches": 0},
    }
    (copy.folder / "config/pairs.yaml").write_text(yaml.safe_dump(study))
    run = copy.run(study="config/pairs.yaml")
    assert run.code == 0, run.output[-3000:]
    folder = copy.folder / "results/pairs/measurements/similarity/seed0/teacher/onnxruntime"
    test = pd.read_parquet(folder / "predictions.parquet").query("split == 'test'")
    table = pd.read_csv(copy.folder / "results/pairs/tables/stagewise.csv").set_index("cell")
    # Spearman's correlation is Pearson's of the ranks; 1e-9 for another order of the sums
    by_hand = np.corrcoef(test["label"].rank(), pd.Series(np.stack(test["logits"])[:, 0]).rank())[0, 1]
    assert abs(table.loc["teacher", "quality"] - by_hand) < 1e-9
    assert test["prediction"].dtype.kind == "f"
