"""The losses of each kind of task, against closed forms: gold labels, and the teacher's predictions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from edgemin.data.kinds.classification.losses import logits_kl, logits_mse, soft_cross_entropy
from edgemin.data.kinds.classification.scores import NO_LABEL
from edgemin.methods.objectives.labels import Labels
from edgemin.study.kind import kind_of
from edgemin.study.registry import KINDS

ROUNDING = 1e-6  # float32, sums of tens of terms of order 1
CLASSES, VALUES = (kind_of({"metric": metric}) for metric in ("accuracy", "pearson"))
classes_loss, values_loss = (kind.losses().loss for kind in (CLASSES, VALUES))
Z_S, Z_T = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([[0.3, 0.1, 2.0], [-1.0, 0.0, 4.0]])


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_logits_kl_by_hand(temperature):
    """T^2 sum_k t_k log(t_k / s_k), then the mean of two rows, in float64."""
    s, t = (np.exp(z.double().numpy() / temperature) for z in (Z_S, Z_T))
    s, t = s / s.sum(1, keepdims=True), t / t.sum(1, keepdims=True)
    expected = temperature**2 * (t * np.log(t / s)).sum(1).mean()
    assert logits_kl(Z_S, Z_T, temperature).item() == pytest.approx(expected, abs=ROUNDING)


def test_logits_kl_tends_to_the_mean_squared_centred_difference():
    """|centred difference|^2 / 2K (Hinton et al. 2015, section 2.1); what is left at T = 1000 is of order |z|^3 / T."""
    difference = (Z_S - Z_T).double()
    centred = difference - difference.mean(1, keepdim=True)
    limit = (centred**2).sum(1).mean().item() / (2 * 3)
    assert logits_kl(Z_S.double(), Z_T.double(), 1000).item() == pytest.approx(limit, rel=0.005)
    assert logits_kl(Z_S.double(), Z_T.double(), 1).item() != pytest.approx(limit, rel=0.05)


def test_logits_of_a_model_with_itself_cost_nothing():
    assert logits_kl(Z_T, Z_T, 2).item() == 0
    assert logits_mse(Z_T, Z_T).item() == 0
    assert logits_kl(Z_T + 5, Z_T, 2).item() == pytest.approx(0, abs=ROUNDING)  # a softmax does not see a shift


def test_squared_error_of_logits_by_hand():
    assert logits_mse(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])).item() == (4 + 1) / 2


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_cross_entropy_is_tinyberts_times_the_classes(temperature):
    """TinyBERT's code: (-softmax(teacher) * log_softmax(student)).mean(), over rows and K = 3 classes alike."""
    s, t = Z_S.double() / temperature, Z_T.double() / temperature
    tinyberts = (-t.softmax(-1) * s.log_softmax(-1)).mean().item()
    assert soft_cross_entropy(Z_S, Z_T, temperature).item() == pytest.approx(3 * tinyberts, abs=ROUNDING)


def test_soft_cross_entropy_pulls_as_the_kl_does():
    """At T = 1 they differ by the teacher's entropy, in which the student has no part."""
    gradients = []
    for objective in (soft_cross_entropy, logits_kl):
        student = Z_S.clone().requires_grad_()
        objective(student, Z_T, 1.0).backward()
        gradients.append(student.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=ROUNDING)
    entropy = torch.special.entr(Z_T.softmax(-1)).sum(-1).mean().item()
    difference = soft_cross_entropy(Z_S, Z_T, 1.0) - logits_kl(Z_S, Z_T, 1.0)
    assert difference.item() == pytest.approx(entropy, abs=ROUNDING) != 0


def test_gold_labels_by_hand():
    """-log(e^2 / (e^2 + 1)) for the first row, log 2 for the second; for values (1 - 3)^2 and 0."""
    logits = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    expected = (math.log(1 + math.exp(-2)) + math.log(2)) / 2
    assert classes_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected, rel=1e-6)  # float32
    assert values_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([3.0, 2.0])).item() == 2
    for kind, gold in ((CLASSES, torch.tensor([0, 1])), (VALUES, torch.tensor([3.0, 2.0]))):
        ours = logits[:, : 2 if kind.classes else 1]
        term = Labels(objective="labels").build(None, None, kind)
        assert term(ours, torch.ones(2, 1), gold, {}).item() == kind.losses().loss(ours, gold).item() > 0


def test_examples_without_a_label_do_not_count():
    """Class -100, value NaN: neither in the sum, nor in the number that it is divided by, nor in the gradient."""
    logits = torch.tensor([[2.0, 0.0], [9.0, -9.0], [1.0, 1.0], [7.0, 7.0]], requires_grad=True)
    loss = classes_loss(logits, torch.tensor([0, NO_LABEL, 1, NO_LABEL]))
    assert loss.item() == classes_loss(logits[[0, 2]], torch.tensor([0, 1])).item()
    loss.backward()
    assert logits.grad.abs().sum(1).tolist() == [pytest.approx(1 / (1 + math.exp(2)), rel=1e-6), 0, 0.5, 0]  # (p - 1) / 2, twice
    values = torch.tensor([[1.0], [5.0], [2.0]], requires_grad=True)
    loss = values_loss(values, torch.tensor([3.0, math.nan, 2.5]))
    assert loss.item() == (4 + 0.25) / 2
    loss.backward()
    assert values.grad.flatten().tolist() == [-2, 0, -0.5]  # 2 (z - y) / 2


@pytest.mark.parametrize(
    ("kind", "gold"),
    [(CLASSES, torch.full((2,), NO_LABEL)), (VALUES, torch.full((2,), math.nan))],
    ids=["classes", "values"],
)
def test_a_batch_without_labels_costs_nothing(kind, gold):
    logits = torch.ones(2, 3 if kind.classes else 1, requires_grad=True)
    loss = kind.losses().loss(logits, gold)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_with_every_label_it_is_the_plain_mean():
    logits, gold = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 1, 0, 2])
    assert classes_loss(logits, gold).item() == pytest.approx(F.cross_entropy(logits, gold).item(), rel=1e-6)
    values = logits[:, 0]
    assert values_loss(logits[:, 1:2], values).item() == pytest.approx(F.mse_loss(logits[:, 1], values).item(), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS.all().values(), ids=KINDS.names())
def test_what_is_stored_without_a_label_is_passed_over(kind):
    """From a column as it is read to a batch: the loss is that of the labelled rows alone, values in double precision too."""
    column = pd.Series([1.0, None, 0.0, None])
    gold = torch.tensor(kind.scores().gold(column))
    logits = torch.tensor([[2.0, 0.5], [7.0, -7.0], [1.0, 1.0], [0.0, 3.0]])[:, : 2 if kind.classes else 1]
    loss = kind.losses().loss(logits, gold)
    assert loss.dtype == torch.float32
    assert loss.item() == kind.losses().loss(logits[[0, 2]], gold[[0, 2]]).item() > 0


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_each_form_of_the_soft_loss_of_classes_is_the_distance_of_its_name(temperature):
    soft = CLASSES.losses().soft_loss
    assert soft(Z_S, Z_T, temperature, "kl").item() == logits_kl(Z_S, Z_T, temperature).item()
    assert soft(Z_S, Z_T, temperature, "cross_entropy").item() == soft_cross_entropy(Z_S, Z_T, temperature).item()
    assert soft(Z_S, Z_T, temperature, "mse").item() == logits_mse(Z_S, Z_T).item()
    assert len({round(soft(Z_S, Z_T, temperature, form).item(), 3) for form in ("kl", "cross_entropy", "mse")}) == 3


@pytest.mark.parametrize("form", ["kl", "cross_entropy", "mse"])
def test_the_soft_loss_of_values_is_a_squared_error_whatever_its_form(form):
    """((1 - 3)^2 + (2 - 1)^2) / 2, at any temperature: the softmax of one output is 1, whatever it is."""
    student, teacher = torch.tensor([[1.0], [2.0]], requires_grad=True), torch.tensor([[3.0], [1.0]])
    loss = VALUES.losses().soft_loss(student, teacher, 2.0, form)
    loss.backward()
    assert loss.item() == (4 + 1) / 2
    assert student.grad.flatten().tolist() == [-2, 1]  # z - t


@pytest.mark.parametrize("kind", KINDS.all().values(), ids=KINDS.names())
def test_the_divergence_that_is_reported_is_the_soft_loss_that_is_trained_on(kind):
    """The teacher's to the student's: classes by their KL at a temperature of 1, values by their squared difference."""
    student, teacher = (z if kind.classes else z[:, :1] for z in (Z_S, Z_T))
    trained = kind.losses().soft_loss(student, teacher, 1.0, "kl").item()
    reported = kind.scores().divergence(teacher.numpy(), student.numpy())
    assert reported == pytest.approx(trained, rel=1e-6) != 0
