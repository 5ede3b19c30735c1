"""Every objective as a term: a student of two layers, width 16, taught by four layers, width 24; four heads each."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter
from torch import nn

from edgemin.config.variants import AnyTerm, Phase, needs_of
from edgemin.distill.objectives import (
    attention_kl,
    hidden_cosine,
    hidden_mse,
    logits_kl,
    logits_mse,
    preference_kl,
    relation_kl,
    rising_match,
    scores_mse,
    soft_cross_entropy,
)
from edgemin.distill.signals import LiveSignals
from edgemin.distill.terms import TERMS, TeacherShape, term_maker
from edgemin.encoders.families import layers_of
from edgemin.encoders.surgery import keep_heads
from edgemin.errors import EdgeminError
from edgemin.training.data import Examples
from edgemin.training.loop import Supervised

ROUNDING = 1e-5  # float32, sums of some hundred terms of order 1
TERMS_OF = {
    "labels": {},
    "logits": {"temperature": 2},
    "logits, mse": {"loss": "mse"},
    "logits, cross_entropy": {"loss": "cross_entropy"},
    "distilbert": {},
    "tinybert": {"layers": 2},
    "tinybert, hidden": {"layers": 2, "embeddings": 0, "attention": 0},
    "tinybert, attention": {"layers": 2, "embeddings": 0, "hidden": 0},
    "minilm": {},
    "minilmv2": {},
    "feature_relation": {},
    "feature_relation, raw": {"normalise": False},
    "preference": {"temperature": 2},
    "preference, examples": {"between": "examples"},
    "cofi_layers": {"layers": 2},
}

PROJECTED = {"distilbert", "tinybert", "tinybert, hidden", "feature_relation", "feature_relation, raw", "cofi_layers"}
"""Those that compare hidden states, whose widths differ."""


def config(name: str, **changes):
    values = {"objective": name.split(",")[0], **TERMS_OF[name], **changes}
    return TypeAdapter(AnyTerm).validate_python(values)


def contrast(model):
    """Normalised hidden states at unit scale and sharper attention, so that no loss is tiny."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight.data += 1
    for layer in layers_of(model):
        layer.attention.self.query.weight.data *= 2
    return model


@pytest.fixture(scope="module")
def teacher(tiny):
    return contrast(tiny(seed=1, num_hidden_layers=4, hidden_size=24))


@pytest.fixture(scope="module")
def examples():
    """Five texts of three to eleven tokens, labels 0 and 1."""
    random = np.random.default_rng(0)
    lengths = (3, 11, 7, 8, 5)
    tokens = [{"input_ids": random.integers(5, 90, n).tolist(), "token_type_ids": [0] * n} for n in lengths]
    return Examples(tokens, np.array([0, 1, 1, 0, 1]), pad_id=0)


class Lesson:
    """A student, one term on it, and a batch: `loss()` is a forward of both."""

    def __init__(self, student, term_config, teacher, examples, indices=range(5), more: int = 0) -> None:
        self.student = student
        self.term = term_maker(student, TeacherShape(teacher.config.hidden_size))(term_config)
        batch = examples.collate(list(indices))
        self.inputs = {name: F.pad(values, (0, more)) for name, values in batch["inputs"].items()}
        self.mask, self.labels = self.inputs["attention_mask"], batch["labels"]
        live = LiveSignals(teacher, examples, needs_of([Phase(terms=[term_config])]), "fp32")
        self.signals = live.batch(list(indices), self.mask.shape[1])
        live.capture.remove()

    def loss(self) -> torch.Tensor:
        logits = self.student(**self.inputs).logits
        return self.term(logits=logits, mask=self.mask, labels=self.labels, teacher=self.signals)

    def asked(self, **options):
        with torch.no_grad():
            return self.student(**self.inputs, **options)


@pytest.fixture
def lesson(tiny, teacher, examples):
    """lesson(name of the term, changes of it): with a student that always has the same weights."""

    def make(name: str, student=None, taught_by=None, indices=range(5), more=0, **changes) -> Lesson:
        torch.manual_seed(0)  # of the projections
        return Lesson(student or contrast(tiny()), config(name, **changes), taught_by or teacher, examples, indices, more)

    return make


def test_every_objective_is_tried_here():
    assert {type(config(name)) for name in TERMS_OF} == set(TERMS)


@pytest.mark.parametrize("name", TERMS_OF)
def test_a_term_teaches_the_student_and_not_the_teacher(lesson, teacher, name):
    """Down to its embeddings; its classifier if, and only if, the config says so. A projection learns with it."""
    taught = lesson(name)
    assert not any(signal.requires_grad for signal in taught.signals.values())
    signals = {key: signal.clone() for key, signal in taught.signals.items()}
    taught.loss().backward()
    learning = {
        key for key, parameter in taught.student.named_parameters() if parameter.grad is not None and parameter.grad.any()
    }
    assert "bert.embeddings.word_embeddings.weight" in learning
    assert ("classifier.weight" in learning) == config(name).predicts
    projections = list(taught.term.parameters())
    assert len(projections) == (name in PROJECTED)
    assert all(parameter.grad.any() for parameter in projections)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(signals[key], signal) for key, signal in taught.signals.items())


@pytest.mark.parametrize("name", TERMS_OF)
def test_a_term_can_be_learned(lesson, name):
    """Twenty updates on one batch take more than a tenth off (a soft cross-entropy keeps the teacher's entropy)."""
    taught = lesson(name)
    optimizer = torch.optim.Adam([*taught.student.parameters(), *taught.term.parameters()], lr=0.01)
    losses = []
    for _ in range(21):
        optimizer.zero_grad()
        loss = taught.loss()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", TERMS_OF)
def test_padding_the_batch_further_changes_no_loss(lesson, name):
    short, long = (lesson(name, more=more).loss().item() for more in (0, 8))
    assert long == pytest.approx(short, rel=ROUNDING)
    assert short > 0.05


def test_a_minilmv2_term_takes_the_layers_that_are_named(lesson):
    """Layer 0 of the student: its Q, K, V and the embeddings learn; what comes after them does not."""
    taught = lesson("minilmv2", student_layer=0, teacher_layer=2, relation_heads=2, relations=[["query", "key"]])
    found = taught.loss()
    found.backward()
    learning = {
        key for key, parameter in taught.student.named_parameters() if parameter.grad is not None and parameter.grad.any()
    }
    assert {f"bert.encoder.layer.0.attention.self.{name}.weight" for name in ("query", "key")} < learning
    assert all("embeddings" in name or "layer.0.attention.self" in name for name in learning)
    hidden = taught.asked(output_hidden_states=True).hidden_states[0]
    attention = taught.student.bert.encoder.layer[0].attention.self
    theirs = (taught.signals["qkv_2.query"], taught.signals["qkv_2.key"])
    expected = relation_kl([(attention.query(hidden), attention.key(hidden))], [theirs], taught.mask, 2)
    assert found.item() == pytest.approx(expected.item(), rel=ROUNDING)


@pytest.mark.parametrize(
    ("name", "outputs", "expected"),
    [
        ("logits", 2, lambda s, t: logits_kl(s, t, 2)),
        ("logits, mse", 2, logits_mse),
        ("logits, cross_entropy", 2, lambda s, t: soft_cross_entropy(s, t, 1)),
        ("logits", 1, logits_mse),  # the softmax of one output is 1 whatever it is: its KL would be zero
        ("logits, cross_entropy", 1, logits_mse),
        ("preference", 3, lambda s, t: preference_kl(s, t, 2)),
        ("preference, examples", 2, lambda s, t: preference_kl(s.T, t.T, 1)),
        ("preference, examples", 1, lambda s, t: preference_kl(s.T, t.T, 1)),
    ],
)
def test_terms_on_the_logits_are_their_objectives(lesson, tiny, name, outputs, expected):
    taught = lesson(name, contrast(tiny(num_labels=outputs)), contrast(tiny(seed=1, num_labels=outputs)))
    logits = taught.asked().logits
    assert logits.shape == (5, outputs)
    assert taught.loss().item() == expected(logits, taught.signals["logits"]).item() > 0


def test_preferences_between_examples_are_not_hintons_loss(lesson):
    """Hinton's does not see what is added to both classes of an example, this one not what is added to a class of all."""
    taught, hinton = lesson("preference, examples"), lesson("logits", temperature=1)
    logits, teacher = taught.asked().logits, taught.signals["logits"]

    def losses(logits: torch.Tensor) -> tuple[float, float]:
        return tuple(term(logits, taught.mask, taught.labels, {"logits": teacher}).item() for term in (taught.term, hinton.term))

    before = losses(logits)
    assert abs(before[0] - before[1]) > 0.01
    for blind, shift in ((1, torch.arange(5)[:, None]), (0, torch.tensor([1.0, 3.0]))):
        after = losses(logits + shift)
        assert after[blind] == pytest.approx(before[blind], abs=ROUNDING)
        assert abs(after[1 - blind] - before[1 - blind]) > 0.1


def test_one_example_has_no_preference(lesson):
    """The last batch may hold one only: nothing to learn, and nothing that breaks the backward pass."""
    taught = lesson("preference, examples", indices=[3])
    loss = taught.loss()
    loss.backward()
    assert loss.item() == 0
    assert not taught.student.classifier.weight.grad.any()


def test_distilbert_is_five_two_and_one_of_its_parts(lesson):
    taught = lesson("distilbert")
    outputs = taught.asked(output_hidden_states=True)
    [projection] = taught.term.parameters()
    ours, theirs = outputs.hidden_states[-1] @ projection.T, taught.signals["hidden_last.1"]
    expected = {
        "logits": logits_kl(outputs.logits, taught.signals["logits"], 2.0).item(),
        "labels": F.cross_entropy(outputs.logits, taught.labels).item(),
        "cosine": hidden_cosine(ours, theirs, taught.mask).item(),
    }
    loss = taught.loss().item()
    assert taught.term.parts == pytest.approx(expected, rel=ROUNDING)
    assert loss == pytest.approx(5 * expected["logits"] + 2 * expected["labels"] + expected["cosine"], rel=ROUNDING)
    other = lesson("distilbert", logits=0, labels=0.5, cosine=3).loss().item()
    assert other == pytest.approx(0.5 * expected["labels"] + 3 * expected["cosine"], rel=ROUNDING)


def test_distilbert_projects_only_what_is_of_another_width(lesson, tiny):
    assert [tuple(parameter.shape) for parameter in lesson("distilbert").term.parameters()] == [(24, 16)]
    same = lesson("distilbert", taught_by=contrast(tiny(seed=1)))
    assert not list(same.term.parameters())
    ours = same.asked(output_hidden_states=True).hidden_states[-1]
    same.loss()
    expected = hidden_cosine(ours, same.signals["hidden_last.1"], same.mask).item()
    assert same.term.parts["cosine"] == pytest.approx(expected, rel=ROUNDING)


def test_tinybert_sums_its_layers_by_the_uniform_map(lesson):
    """Embeddings to embeddings, layers 1 and 2 to 2 and 4 through one projection, and the scores of the same layers."""
    taught = lesson("tinybert", embeddings=0.5, hidden=2, attention=3)
    outputs = taught.asked(output_hidden_states=True)
    [projection] = taught.term.parameters()
    hidden = [
        hidden_mse(ours @ projection.T, taught.signals[f"hidden_map2.{n}"], taught.mask).item()
        for n, ours in enumerate(outputs.hidden_states)
    ]
    attention = 0.0
    for n, layer in enumerate(layers_of(taught.student)):
        query, key = (
            linear(outputs.hidden_states[n]).unflatten(-1, (4, 4))
            for linear in (layer.attention.self.query, layer.attention.self.key)
        )
        raw = torch.einsum("bqhd,bkhd->bqkh", query, key) / 2
        attention += scores_mse(raw, taught.signals[f"scores_map2.{n + 1}"], taught.mask).item()
    loss = taught.loss().item()
    expected = {"embeddings": hidden[0], "hidden": hidden[1] + hidden[2], "attention": attention}
    assert taught.term.parts == pytest.approx(expected, rel=ROUNDING)
    assert loss == pytest.approx(0.5 * hidden[0] + 2 * (hidden[1] + hidden[2]) + 3 * attention, rel=ROUNDING)


def test_minilm_is_the_last_layers_attention_and_its_value_relation(lesson):
    """From the student's own attention probabilities; the values are related in as many heads as attend."""
    taught = lesson("minilm")
    taught.student.set_attn_implementation("eager")
    outputs = taught.asked(output_hidden_states=True, output_attentions=True)
    own = outputs.attentions[-1].clamp(min=1e-30).log().permute(0, 2, 3, 1)
    values = taught.student.bert.encoder.layer[1].attention.self.value(outputs.hidden_states[1])
    theirs = taught.signals["qkv_last.value"]
    expected = {
        "attention": attention_kl(own, taught.signals["scores_last.1"], taught.mask).item(),
        "values": relation_kl([(values, values)], [(theirs, theirs)], taught.mask, 4).item(),
    }
    loss = taught.loss().item()
    assert taught.term.parts == pytest.approx(expected, rel=ROUNDING)
    assert loss == pytest.approx(sum(expected.values()), rel=ROUNDING)


def test_each_part_of_feature_relation_begins_at_its_weight(lesson):
    """2 + 0.5 whatever the parts' sizes; afterwards in proportion to them, also for who goes on from a stored state."""
    taught = lesson("feature_relation", hidden=2, relation=0.5)
    assert taught.loss().item() == pytest.approx(2.5, rel=ROUNDING)
    first = dict(taught.term.parts)
    assert min(first.values()) > 0.5
    with torch.no_grad():
        taught.student.bert.encoder.layer[1].attention.self.value.weight.mul_(2)
    later = taught.loss().item()
    now = taught.term.parts
    assert now["relation"] > first["relation"] * 1.01
    expected = 2 * now["hidden"] / first["hidden"] + 0.5 * now["relation"] / first["relation"]
    assert later == pytest.approx(expected, rel=ROUNDING)
    assert abs(later - 2.5) > 0.01
    resumed = lesson("feature_relation", student=taught.student, hidden=2, relation=0.5)
    resumed.term.load_state_dict({name: tensor.clone() for name, tensor in taught.term.state_dict().items()})
    assert resumed.loss().item() == later
    afresh = lesson("feature_relation", student=taught.student, hidden=2, relation=0.5)
    assert afresh.loss().item() == pytest.approx(2.5, rel=ROUNDING)


def test_raw_sizes_of_the_parts_are_logged(lesson):
    taught = lesson("feature_relation, raw", hidden=2, relation=0.5)
    model = Supervised(taught.student, [("feature_relation", 3.0, taught.term)])
    loss = model(taught.inputs, taught.labels, taught.signals)["loss"].item()
    hidden, relation = (model.raw[f"feature_relation.{part}"] for part in ("hidden", "relation"))
    [projection] = taught.term.parameters()
    ours = taught.asked(output_hidden_states=True).hidden_states[-1] @ projection.T
    assert hidden == pytest.approx(hidden_mse(ours, taught.signals["hidden_last.1"], taught.mask).item(), rel=ROUNDING)
    assert model.raw["feature_relation"] == pytest.approx(2 * hidden + 0.5 * relation, rel=ROUNDING)
    assert loss == pytest.approx(3 * model.raw["feature_relation"], rel=ROUNDING)


def test_cofi_matches_layers_by_their_errors(lesson, tiny):
    """Three student layers for two of the teacher's, through a projection of 16 to 24 dimensions that begins at random."""
    taught = lesson("cofi_layers", contrast(tiny(num_hidden_layers=3)))
    [projection] = taught.term.parameters()
    assert not torch.equal(projection, torch.eye(24, 16))
    ours = [(hidden @ projection.T).detach() for hidden in taught.asked(output_hidden_states=True).hidden_states[1:]]
    errors = [[hidden_mse(o, taught.signals[f"hidden_map2.{n}"], taught.mask) for o in ours] for n in (1, 2)]
    chosen = rising_match(torch.tensor(errors))
    expected = sum(errors[n][layer].item() for n, layer in enumerate(chosen))
    assert taught.loss().item() == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_cofi_finds_the_teachers_layers_in_the_teacher(lesson, teacher, layers):
    """A student that is the teacher matches each of its layers exactly, through the identity, but for bf16: 2^-9 of values of
    order 1, squared."""
    [projection] = lesson("cofi_layers", copy.deepcopy(teacher), layers=layers).term.parameters()
    assert torch.equal(projection, torch.eye(24))
    assert lesson("cofi_layers", copy.deepcopy(teacher), layers=layers).loss().item() < layers * 1e-5


@pytest.mark.parametrize(
    ("name", "changes", "shape", "message"),
    [
        ("tinybert", {"layers": 3}, {}, "tinybert.layers: 3, but the student has 2 layers; write layers: 2"),
        ("tinybert", {}, {"heads": 2}, "tinybert: the student has 2 attention heads where the teacher has 4; set attention: 0"),
        ("minilm", {}, {"heads": 3}, "minilm: the student has 3 attention heads where the teacher has 4; use minilmv2"),
        ("minilmv2", {"student_layer": 2}, {}, "minilmv2.student_layer: layer 2 does not exist; the model has layers 0 to 1"),
        (
            "minilmv2",
            {"relation_heads": 3},
            {},
            "minilmv2.relation_heads: relation_heads 3 does not divide both widths, student 16 and teacher 24; use auto",
        ),
        (
            "feature_relation",
            {"relation_heads": 8},
            {"heads": 3},
            "feature_relation.relation_heads: relation_heads 8 does not divide both widths, student 12 and teacher 24; use auto",
        ),
        ("cofi_layers", {"layers": 4}, {}, "cofi_layers.layers: 4 cannot be matched with a student of 2 layers"),
        ("preference", {}, {"outputs": 1}, "preference: a regression has no classes to prefer; set between: examples"),
    ],
)
def test_a_term_that_cannot_work_says_what_to_do(lesson, tiny, name, changes, shape, message):
    student = contrast(tiny(num_labels=shape.get("outputs", 2)))
    if "heads" in shape:
        keep_heads(student, [range(shape["heads"])] * 2)
    with pytest.raises(EdgeminError) as error:
        lesson(name, student, **changes).loss()
    assert str(error.value).startswith(message)
