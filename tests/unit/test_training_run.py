"""Whole training jobs: the checkpoint and what is told of it, and the root of every chain."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import set_seed

from edgemin.core.files import read_json
from edgemin.core.provenance import check_provenance
from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders import checkpoint
from edgemin.methods.teacher import train_teacher
from edgemin.study.phases import Phase
from edgemin.study.registry import KINDS
from edgemin.training.run import Files, train, train_and_save

KIND = KINDS["classification"]
SPEC = {"metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}
SPLITS = ("train", "validation")


def equal(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.fixture
def files(tokens, tmp_path):
    """files(out): of a job."""
    return lambda out="out": Files(
        tokens / "train.arrow", tokens / "validation.arrow", tmp_path / out, tmp_path / f"scratch {out}"
    )


@pytest.fixture
def student(source):
    set_seed(0)
    return checkpoint.load_source(source, kind=KIND, labels=["a", "b"], finetuned=False)


def labels_term(term):
    return term.build(None, None, KIND)


PHASE = Phase.model_validate({"epochs": 1, "terms": [{"objective": "labels"}]})


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_training_job_leaves_a_checkpoint_and_no_scratch(source, student, files, tokens, tmp_path, epochs):
    """Without phases the model is written as it is."""
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    train_and_save(
        student,
        [PHASE] * epochs,
        labels_term,
        files=files(),
        tokenizer=source,
        spec=SPEC,
        parents=[source / "model.safetensors"],
        name="test",
        facts=lambda: {"note": 7},
    )
    loaded = checkpoint.load(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], before[name]) for name in before) == (not epochs)
    parents = check_provenance(tmp_path / "out")["parents"]
    assert list(parents) == [str(source / "model.safetensors"), *(str(tokens / f"{split}.arrow") for split in SPLITS)]
    history = read_json(tmp_path / "out" / "history.json")
    assert (len(history["phases"]), history["precision"], history["note"]) == (epochs, "fp32", 7)
    assert not list((tmp_path / "scratch out").glob("*"))


def test_what_comes_before_the_phases_is_told_with_them(source, student, files):
    """It is given what the phases are trained on, the teacher's signals among it, and may change the student."""
    seen = []

    def before(given):
        seen.append(given)
        nn.init.zeros_(student.classifier.weight)
        return {"before": 3}

    given = {"files": files(), "tokenizer": source, "spec": SPEC, "parents": [], "name": "test"}
    done = train(student, [], labels_term, signals=lambda examples: len(examples), before=before, **given)
    assert done.history == {"phases": [], "precision": "fp32", "before": 3}
    assert (len(seen[0].examples), len(seen[0].validation), seen[0].signals) == (96, 24, 96)
    assert (seen[0].settings.metric, seen[0].settings.kind, seen[0].settings.scratch) == ("accuracy", KIND, done.state)
    assert not student.classifier.weight.any()


def test_signals_are_not_asked_for_where_nothing_is_trained(source, student, files):
    def asked(examples):
        raise AssertionError

    given = {"files": files(), "tokenizer": source, "spec": SPEC, "parents": [], "name": "test"}
    assert train(student, [], labels_term, signals=asked, **given).history["phases"] == []


def test_a_killed_run_is_gone_on_with_only_if_it_was_the_same(source, student, files, data, tokens, tmp_path):
    """Its resume state is found by all that the result depends on: what was asked for, the parents, the texts."""
    write_tokens(data / "train.arrow", source, 8, tmp_path / "cut.arrow")
    asked = {"spec": SPEC, "parents": [source / "model.safetensors"], "texts": tokens / "train.arrow"}

    def state(**changes):
        now, usual = {**asked, **changes}, files()
        where = Files(now.pop("texts"), usual.validation, usual.out, usual.scratch)
        return train(student, [], labels_term, files=where, tokenizer=source, name="test", **now).state

    assert state() == state()
    changes = [
        {},
        {"spec": {**SPEC, "seed": 1}},
        {"spec": {**SPEC, "precision": "bf16"}},
        {"parents": [source / "config.json"]},
        {"texts": tmp_path / "cut.arrow"},
    ]
    assert len({state(**change) for change in changes}) == 5


def test_a_teacher_that_came_finetuned_is_taken_as_it_is(tiny, save, files, tmp_path):
    model = tiny()
    spec = {**SPEC, "teacher": {"source": {"path": "x"}, "training": "none"}}
    train_teacher(save(model, tmp_path / "source"), files(), spec)
    assert equal(checkpoint.load(tmp_path / "out"), model)


TRAINING = [{"epochs": 4, "batch_size": 16, "learning_rate": 0.02}]


def test_a_teacher_learns_its_task(source, files, tmp_path):
    """The adjective gives the label away: from a coin's toss to nearly all right, and the same from the same seed."""
    spec = {**SPEC, "teacher": {"source": {"path": "x"}, "training": TRAINING}}
    for out in ("one", "other"):
        train_teacher(source, files(out), spec)
    [phase] = read_json(tmp_path / "one" / "history.json")["phases"]
    assert max(phase["validation"]["metric"]) > 0.9
    assert equal(*(checkpoint.load(tmp_path / out) for out in ("one", "other")))
    assert checkpoint.load(tmp_path / "one").config.id2label == {0: "negative", 1: "positive"}


def test_a_teacher_learns_values(data, source, tmp_path):
    """The same texts, good and bad as 1 and -1: one output, near those values."""
    kind = KINDS["regression"]
    for split in SPLITS:
        rows = store.read_split(data, split)
        rows["label"] = rows["label"] * 2.0 - 1
        store.write_dataset(store.to_dataset(rows, kind, None), tmp_path / "rows.arrow", label_names=None)
        write_tokens(tmp_path / "rows.arrow", source, 16, tmp_path / f"{split}.arrow")
    files = Files(tmp_path / "train.arrow", tmp_path / "validation.arrow", tmp_path / "out", tmp_path / "scratch")
    train_teacher(source, files, {**SPEC, "metric": "pearson", "teacher": {"source": {"path": "x"}, "training": TRAINING}})
    [phase] = read_json(tmp_path / "out" / "history.json")["phases"]
    assert max(phase["validation"]["metric"]) > 0.8
    assert phase["last_terms"]["labels"] < 0.5  # 1 is what the mean of both would cost
    config = checkpoint.load(tmp_path / "out").config
    assert (config.num_labels, config.problem_type) == (1, "regression")
