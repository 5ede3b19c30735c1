"""Static students: vectors, model and graph by hand; a training; and what a study may not ask of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.families.static.graph import export
from edgemin.encoders.families.static.model import StaticClassifier, StaticConfig, load
from edgemin.measure import size
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.static.stage import distill
from edgemin.methods.static.vectors import rarity, reduced, vectors_of
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from edgemin.study.runtime import open_model
from edgemin.training.run import Files

STUDENT = {"static": {"width": 16, "hidden": 3}}
PHASE = {"epochs": 8, "learning_rate": 0.02, "batch_size": 16, "terms": [{"objective": "labels"}]}


def model_of(hidden: int = 0, classes: int = 2) -> StaticClassifier:
    torch.manual_seed(0)
    labels = {"id2label": {number: str(number) for number in range(classes)}}
    return StaticClassifier(
        StaticConfig(vocab_size=50, hidden_size=4, intermediate_size=hidden, max_position_embeddings=32, **labels)
    ).eval()


def test_principal_components_by_hand():
    """Points on the line (1, 2) t, t = -1, 0, 1: one component, t √5, divided by its deviation √(10/3); the larger coordinate's direction is up."""
    points = np.array([[-1.0, -2.0], [0.0, 0.0], [1.0, 2.0]]) + 7
    assert reduced(points, 1)[:, 0] == pytest.approx(np.array([-1, 0, 1]) * np.sqrt(5) / np.sqrt(10 / 3))


def test_components_are_uncorrelated_and_fall():
    vectors = np.random.default_rng(0).normal(size=(200, 6)) @ np.diag([1, 5, 2, 0.1, 3, 4])
    found = reduced(vectors, 3)
    covariance = found.T @ found
    assert np.abs(covariance - np.diag(covariance.diagonal())).max() < 1e-9
    assert (np.diff(covariance.diagonal()) < 0).all()
    assert found.std() == pytest.approx(1)


def test_rarity_by_hand():
    """Shares 1/2, 1/4, 1/4 and 0, with a of 1/4: 1/3, 1/2, 1/2, 1."""
    assert rarity(np.array([0, 0, 1, 2]), 4, 0.25).tolist() == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1])
    assert rarity(np.array([0, 0, 1, 2]), 4, 0).tolist() == [1] * 4


def test_vectors_are_the_model_s_own(tiny, save, tmp_path):
    """Of token 7 alone: the last hidden state between the special tokens of the tokenizer; and its embedding."""
    model = tiny()
    folder = save(model, tmp_path)
    special = json.loads((folder / "tokenizer.json").read_text())["post_processor"]["special_tokens"]
    first, last = (special[name]["ids"][0] for name in ("[CLS]", "[SEP]"))
    ids = torch.tensor([[first, 7, last]])
    with torch.no_grad():
        wanted = model.bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0, 1].numpy()
    found = vectors_of(folder, outputs=True)
    assert found.shape == (100, 16)
    assert np.abs(found[7] - wanted).max() < 1e-5
    assert (vectors_of(folder, outputs=False)[7] == model.bert.embeddings.word_embeddings.weight[7].detach().numpy()).all()


def test_the_mean_is_over_real_tokens():
    """Logits of tokens 3, 5 and one of padding: the head on half the sum of two rows."""
    model = model_of()
    ids, mask = torch.tensor([[3, 5, 0]]), torch.tensor([[1, 1, 0]])
    rows = model.embeddings.weight
    wanted = model.classifier((rows[3] + rows[5]) / 2)
    assert torch.allclose(model(ids, mask, token_type_ids=ids).logits[0], wanted, atol=1e-6)


def test_dropout_is_of_whole_tokens():
    """Of two tokens in training, each left out by half: the mean is 0, one row, the other or their sum (twice each half)."""
    model = model_of()
    model.dropout.p = 0.5
    model.train()
    rows, ids = model.embeddings.weight, torch.tensor([[3, 5]])
    possible = [model.classifier(vector) for vector in (0 * rows[3], rows[3], rows[5], rows[3] + rows[5])]
    for _ in range(20):
        found = model(ids, torch.ones_like(ids)).logits[0]
        assert min((found - one).abs().max() for one in possible) < 1e-6


@pytest.mark.parametrize(("hidden", "classes"), [(0, 2), (3, 5)])
def test_the_graph_computes_the_model(tmp_path, hidden, classes):
    assert export(model_of(hidden, classes), tmp_path / "model.onnx") < 1e-5
    names = {tensor.name for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert names == {*model_of(hidden, classes).state_dict(), "one"}


@pytest.fixture(scope="module")
def trained(tokens, source, tmp_path_factory) -> Path:
    """The folder of a student of 96 sentences whose adjective gives the label, taught by labels out of a random BERT."""
    folder = tmp_path_factory.mktemp("static")
    teacher = folder / "teacher"
    kind = {"metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}
    from edgemin.encoders.folder import saving
    from edgemin.study.kind import kind_of

    model = checkpoint.load_source(source, kind=kind_of(kind), labels=["negative", "positive"], finetuned=False)
    with saving(teacher, tokenizer_from=source, spec={}, parents=[]) as partial:
        checkpoint.save(model, partial)
    spec = {"variant": {"student": STUDENT, "phases": [PHASE]}, **kind}
    files = Files(tokens / "train.arrow", tokens / "validation.arrow", folder / "student", folder / "scratch")
    distill(teacher, TeacherFiles(teacher, tokens / "train.arrow"), files, spec)
    return folder / "student"


def answers(folder: Path, tokens: Path, runtime: str = "onnxruntime") -> tuple[np.ndarray, np.ndarray]:
    texts = Tokens.read(tokens / "test.arrow", folder)
    run = open_model(folder, runtime, 1)
    logits = np.stack([run(texts.batch([number]))[0] for number in range(len(texts))])
    return logits, texts.column("label").to_numpy()


def test_a_student_learns_what_single_words_say(trained, tokens):
    """One adjective tells: all 24 test sentences right."""
    logits, gold = answers(trained, tokens)
    assert (logits.argmax(1) == gold).all()
    assert set(json.loads((trained / "history.json").read_text())) >= {"phases"}


def test_the_graph_beside_it_is_the_checkpoint_s(trained, tokens):
    texts = Tokens.read(tokens / "test.arrow", trained)
    batch = texts.batch([0, 1, 2])
    with torch.no_grad():
        ours = load(trained)(*(torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask"))).logits.numpy()
    assert np.abs(open_model(trained, "onnxruntime", 1)(batch) - ours).max() < 1e-5


@pytest.mark.parametrize(
    ("variant", "bytes_of_a_weight"),
    [
        ({"scheme": "int8_dynamic", "backend": "onnxruntime"}, 1),
        ({"scheme": "int4", "backend": "onnxruntime", "linear": 8, "block_size": 16}, None),
    ],
)
def test_a_student_is_quantized_as_any_graph(trained, tokens, tmp_path, variant, bytes_of_a_weight):
    quantize(QuantizeInputs(parent=trained, out=tmp_path / "q", spec={"variant": variant}))
    logits, gold = answers(tmp_path / "q", tokens)
    assert (logits.argmax(1) == gold).all()
    if bytes_of_a_weight:
        table = next(t for t in onnx.load(tmp_path / "q/model.onnx").graph.initializer if t.name == "embeddings.weight_quantized")
        assert onnx.numpy_helper.to_array(table).itemsize == bytes_of_a_weight


def test_sizes_count_the_table_as_embeddings(trained):
    """V rows of 16; a head of 16 to 3 and 3 to 2, with biases."""
    rows = len(load(trained).embeddings.weight)
    found = size.measure(trained, "onnxruntime", trained)
    assert found["components"]["embeddings"]["logical"] == rows * 16
    assert found["components"]["rest"]["logical"] == 16 * 3 + 3 + 3 * 2 + 2


# -- studies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plan(changed):
    """plan(chain, changes): of a study with the cell `small` of that chain, `static` and a cut of the vocabulary among the variants."""

    def make(chain: str = "teacher/distill-static", changes: dict | None = None) -> Plan:
        own = {
            "distill.static": {"student": STUDENT, "phases": [PHASE]},
            "prune.vocabulary": {"structure": "vocabulary"},
            "cells.small": chain,
        }
        return Plan(parse_study(changed({**own, **(changes or {})})))

    return make


def test_it_is_measured_where_graphs_run(plan):
    found = plan()
    assert found.study.runtimes_of(found.study.chain("small")) == ["onnxruntime"]
    assert found.study.runtimes_of(found.study.chain("kd")) == ["onnxruntime", "torch"]


def test_its_job_writes_the_graph_and_no_other_does(plan):
    jobs = Jobs(plan())
    assert jobs.distill_static.variants() == ["static"]
    assert "static" not in jobs.distill_student.variants()
    assert jobs.distill_static.outputs[-2].endswith("{parent}/distill-{variant}/model.onnx")
    pattern = jobs.export_onnx.own_constraints()["parent"]
    assert re.fullmatch(pattern, "teacher/distill-minilmv2")
    assert not re.fullmatch(pattern, "teacher/distill-static")


def test_a_cut_of_the_vocabulary_stands_before_it(plan):
    """Its tokens are those of the cut."""
    found = plan("teacher/prune-vocabulary/distill-static/quantize-int8_dynamic_ort")
    assert found.tokenizer_of(found.study.chain("small")).endswith("--vocabulary")


@pytest.mark.parametrize(
    ("chain", "changes", "message"),
    [
        (
            "teacher/distill-static/prune-heads25",
            {},
            r"prune\.heads25: stands after the static student .* cut the vocabulary before it",
        ),
        (
            "teacher/distill-static/distill-minilmv2",
            {},
            r"distill\.minilmv2: stands after the static student .* the last distill link",
        ),
        ("teacher/distill-static/quantize-int8_static", {}, r"quantize\.int8_static: stands after .* training or calibration"),
        ("teacher/distill-static/quantize-int8_dynamic_torch", {}, r"quantize\.int8_dynamic_torch: stands after .* onnxruntime"),
        (
            "teacher/distill-static",
            {"distill.static.phases": [{**PHASE, "terms": [{"objective": "minilmv2"}]}]},
            r"distill\.static\.phases\.0: minilmv2 compares what layers say",
        ),
        (
            "teacher/distill-static",
            {"tasks.snippets.text": ["text", "text2"]},
            r"distill\.static\.student\.static: task snippets has sentence pairs",
        ),
        ("teacher/distill-static", {"distill.static.student.static.width": 0}, r"width: .*greater than or equal to 1"),
    ],
)
def test_what_cannot_be_asked_of_it(plan, chain, changes, message):
    with pytest.raises(EdgeminError, match=message):
        plan(chain, changes)


def test_it_is_not_wider_than_its_parent(source):
    from edgemin.study.distilling import Distill
    from edgemin.study.fits import _student
    from edgemin.study.structure import Shape

    variant = Distill.model_validate({"student": {"static": {"width": 17}}, "phases": [PHASE]})
    with pytest.raises(
        EdgeminError, match=r"\.student\.static\.width: 17, but the vectors of its parent 'teacher' have 16 dimensions"
    ):
        _student(variant, Shape((4, 4), 4, hidden=16), {}, "teacher")
