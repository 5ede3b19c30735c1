"""What the objectives of several parts add up to: a student of two layers, width 16, taught by four layers, width 24."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from lessons import Lesson, config, contrast

from edgemin.data.kinds.classification.losses import logits_kl
from edgemin.encoders.blocks import layers_of
from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.distill.term import hidden_mse
from edgemin.methods.objectives.cofi_layers.loss import rising_match
from edgemin.methods.objectives.distilbert.loss import hidden_cosine
from edgemin.methods.objectives.minilm.loss import attention_kl
from edgemin.methods.objectives.tinybert.loss import scores_mse
from edgemin.training.supervised import Supervised

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


def test_distilbert_of_values_has_squared_errors(lesson, tiny):
    """Of the prediction with the teacher's, and with the gold value: a softmax of one output would be 1 in both."""
    taught = lesson("distilbert", contrast(tiny(num_labels=1)), contrast(tiny(seed=1, num_labels=1)))
    taught.labels = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0])
    logits, theirs = taught.asked().logits[:, 0], taught.signals["logits"][:, 0]
    taught.loss()
    assert taught.term.parts["logits"] == pytest.approx((logits - theirs).square().mean().item(), rel=ROUNDING)
    assert taught.term.parts["labels"] == pytest.approx((logits - taught.labels).square().mean().item(), rel=ROUNDING)


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
