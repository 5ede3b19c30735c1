"""Every objective as a term: a student of two layers, width 16, taught by four layers, width 24; four heads each."""

from __future__ import annotations

import pytest
import torch
from lessons import PROJECTED, TERMS_OF, Lesson, config, contrast

from edgemin.core.errors import EdgeminError
from edgemin.data.kinds.classification.losses import logits_kl, logits_mse, soft_cross_entropy
from edgemin.encoders.surgery import keep_heads
from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.distill.term import TeacherShape
from edgemin.methods.objectives.preference.loss import preference_kl
from edgemin.study.registry import OBJECTIVES
from edgemin.study.structure import Shape

ROUNDING = 1e-5  # float32, sums of some hundred terms of order 1


@pytest.fixture(scope="module")
def teacher(tiny):
    return contrast(tiny(seed=1, num_hidden_layers=4, hidden_size=24))


@pytest.fixture
def lesson(tiny, teacher):
    """lesson(name of the term, changes of it): with a student that always has the same weights."""

    def make(name: str, student=None, taught_by=None, indices=range(5), more=0, **changes) -> Lesson:
        return Lesson(student or contrast(tiny()), config(name, **changes), taught_by or teacher, indices, more)

    return make


def test_every_objective_is_tried_here():
    assert {type(config(name)) for name in TERMS_OF} == set(OBJECTIVES.all().values())


@pytest.mark.parametrize("name", TERMS_OF)
def test_a_term_teaches_the_student_and_not_the_teacher(lesson, teacher, name):
    """Down to its embeddings; its classifier if, and only if, the config says so. A projection learns with it."""
    taught = lesson(name)
    assert not any(signal.requires_grad for signal in taught.signals.values())
    signals = {key: signal.clone() for key, signal in taught.signals.items()}
    taught.loss().backward()
    learning = taught.learning()
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
    learning = taught.learning()
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


@pytest.mark.parametrize(
    ("name", "changes", "shape", "message"),
    [
        ("tinybert", {"layers": 3}, {}, "tinybert.layers is 3, but the student has 2 layers; write layers: 2"),
        (
            "tinybert",
            {},
            {"heads": 2},
            "tinybert compares attention scores head by head, but layer 0 of the student has 2 heads and the teacher's has 4; "
            "set attention: 0",
        ),
        (
            "minilm",
            {},
            {"heads": 3},
            "minilm needs as many attention heads in the student's last layer (3) as in the teacher's (4); use minilmv2, whose "
            "relation heads are regrouped",
        ),
        ("minilmv2", {"student_layer": 2}, {}, "minilmv2.student_layer 2 does not exist; the student has layers 0 to 1"),
        ("minilmv2", {"teacher_layer": 4}, {}, "minilmv2.teacher_layer 4 does not exist; the teacher has layers 0 to 3"),
        (
            "minilmv2",
            {"relation_heads": 3},
            {},
            "minilmv2.relation_heads 3 does not divide both widths, student 16 and teacher 24; use auto, or a divisor of both",
        ),
        (
            "feature_relation",
            {"relation_heads": 8},
            {"heads": 3},
            "feature_relation.relation_heads 8 does not divide both widths, student 12 and teacher 24; use auto, or a divisor of both",
        ),
        ("cofi_layers", {"layers": 4}, {}, "cofi_layers.layers is 4, but the student has 2 layers; lower it"),
        ("preference", {}, {"outputs": 1}, "preference: a regression has no classes to prefer; set between: examples"),
    ],
)
def test_a_term_that_cannot_work_says_what_to_do(lesson, tiny, name, changes, shape, message):
    """Before the first batch."""
    student = contrast(tiny(num_labels=shape.get("outputs", 2)))
    if "heads" in shape:
        keep_heads(student, [range(shape["heads"])] * 2)
    with pytest.raises(EdgeminError) as error:
        lesson(name, student, **changes)
    assert str(error.value) == message


def test_the_shape_of_a_teacher_is_read_from_its_folder(tiny, save, tmp_path):
    """Its config alone: the width of its hidden states, and what was cut."""
    model = tiny("distilbert")
    keep_heads(model, [(0, 1, 3), (2,)])
    assert TeacherShape.of(save(model, tmp_path / "teacher")) == TeacherShape(16, Shape(heads=(3, 1), head_dim=4))
