"""Objectives on predictions, hidden states and attention as functions, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from edgemin.data.kinds.classification.losses import logits_kl
from edgemin.methods.distill.term import hidden_mse
from edgemin.methods.objectives.cofi_layers.loss import rising_match
from edgemin.methods.objectives.distilbert.loss import hidden_cosine
from edgemin.methods.objectives.minilm.loss import attention_kl
from edgemin.methods.objectives.preference.loss import preference_kl
from edgemin.methods.objectives.tinybert.loss import scores_mse

ROUNDING = 1e-6  # float32, sums of tens of terms of order 1
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
Z_S, Z_T = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([[0.3, 0.1, 2.0], [-1.0, 0.0, 4.0]])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def binary_kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_preferences_between_two_classes_are_hintons_loss(temperature):
    """sigmoid((z_0 - z_1) / T) is the softmax over two."""
    s, t = random(7, 2), random(7, 2, seed=1)
    assert preference_kl(s, t, temperature).item() == pytest.approx(logits_kl(s, t, temperature).item(), abs=ROUNDING) != 0


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_preferences_between_three_classes_by_hand(temperature):
    """T^2 times the mean of 2 rows' 3 pairs; no longer Hinton's loss."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    kls = [
        binary_kl(*(sigmoid((z[i] - z[j]) / temperature) for z in (t, s)))
        for s, t in zip(Z_S.tolist(), Z_T.tolist(), strict=True)
        for i, j in pairs
    ]
    found = preference_kl(Z_S, Z_T, temperature).item()
    assert found == pytest.approx(temperature**2 * sum(kls) / 6, abs=ROUNDING)
    assert abs(found - logits_kl(Z_S, Z_T, temperature).item()) > 0.1


def test_preferences_of_a_model_with_itself_cost_nothing():
    student = Z_T.clone().requires_grad_()
    value = preference_kl(student, Z_T, 2.0)
    value.backward()
    assert value.item() == 0
    assert student.grad.abs().max() < ROUNDING
    assert preference_kl(Z_T + 5, Z_T, 2.0).item() == pytest.approx(0, abs=ROUNDING)  # only differences count


def test_squared_error_of_hidden_states_by_hand():
    """Tokens of the first text: (1 + 4) / 2 and (4 + 0) / 2; the one of the second: (0 + 4) / 2. (2.25 + 2) / 2."""
    student = torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[0.0, 2.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert hidden_mse(student, teacher, torch.tensor([[1, 1], [1, 0]])).item() == (2.25 + 2) / 2


def test_cosine_of_hidden_states_by_hand():
    """Equal directions 0, a right angle 1, opposite directions 2: ((0 + 1) / 2 + 2) / 2."""
    student = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]])
    teacher = torch.tensor([[[2.0, 0.0], [0.0, 3.0]], [[-2.0, -2.0], [0.0, 1.0]]])
    found = hidden_cosine(student, teacher, torch.tensor([[1, 1], [1, 0]])).item()
    assert found == pytest.approx((0.5 + 2) / 2, abs=ROUNDING)


def test_squared_error_of_scores_by_hand():
    """Two heads. The first text has four real pairs, of (1 + 1) / 2, (4 + 0) / 2, 0 and (9 + 1) / 2; the second one, of 16 / 2."""
    student = torch.full((2, 3, 3, 2), 7.0)
    student[0, :2, :2] = torch.tensor([[[1.0, 1.0], [2.0, 0.0]], [[0.0, 0.0], [-3.0, 1.0]]])
    student[1, 0, 0] = torch.tensor([4.0, 0.0])
    found = scores_mse(student, torch.zeros(2, 3, 3, 2), torch.tensor([[1, 1, 0], [1, 0, 0]]))
    assert found.item() == pytest.approx(((1 + 2 + 0 + 5) / 4 + 8) / 2, rel=ROUNDING)


def test_attention_kl_by_hand():
    """Two heads of two tokens and a padded one: the softmax of (x, 0) is sigmoid(x); of one token alone it is 1 in both."""
    student, teacher = torch.zeros(2, 3, 3, 2), torch.zeros(2, 3, 3, 2)
    student[:, :, 2], teacher[:, :, 2] = 50, -50
    teacher[0, 0, 0] = torch.tensor([1.0, 2.0])
    student[0, 1, 0] = torch.tensor([-4.0, 0.0])
    kls = [binary_kl(sigmoid(1), 0.5), binary_kl(sigmoid(2), 0.5), binary_kl(0.5, sigmoid(-4)), 0]
    found = attention_kl(student, teacher, torch.tensor([[1, 1, 0], [1, 0, 0]])).item()
    assert found == pytest.approx((sum(kls) / 4 + 0) / 2, abs=ROUNDING)


TOKENWISE = {hidden_mse: (2, 5, 12), hidden_cosine: (2, 5, 12), scores_mse: (2, 5, 5, 3), attention_kl: (2, 5, 5, 3)}


@pytest.mark.parametrize("objective", TOKENWISE)
def test_what_equals_the_teachers_costs_nothing(objective):
    teacher = random(*TOKENWISE[objective])
    student = teacher.clone().requires_grad_()
    value = objective(student, teacher, MASK)
    value.backward()
    assert value.item() == pytest.approx(0, abs=ROUNDING)
    assert student.grad.abs().max() < ROUNDING


@pytest.mark.parametrize("objective", TOKENWISE)
def test_padding_does_not_count_whatever_stands_there(objective):
    """No value, no gradient: of padded tokens, or of pairs of which one is padded (attention's softmax does not see them)."""
    shape, results = TOKENWISE[objective], []
    for extra, junk in ((0, 0.0), (3, 1e3), (11, -7.0)):
        pad = (0, 0, *(0, extra) * (len(shape) - 2))
        mask = nn.functional.pad(MASK, (0, extra)).bool()
        real = mask[..., None] if len(shape) == 3 else (mask[:, :, None] & mask[:, None, :])[..., None]
        student, teacher = (
            torch.where(real, nn.functional.pad(random(*shape, seed=seed), pad), torch.tensor(sign * junk))
            for seed, sign in ((0, 1), (1, -1))
        )
        student.requires_grad_()
        value = objective(student, teacher, mask.long())
        value.backward()
        assert not student.grad.masked_fill(real, 0).any()
        results.append((value.item(), student.grad[real.expand_as(student)]))
    assert results[0][0] > 0.1
    for value, gradient in results[1:]:
        assert value == pytest.approx(results[0][0], abs=ROUNDING)
        torch.testing.assert_close(gradient, results[0][1], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ([[3, 1, 2]], [1]),
        ([[9, 0, 5], [9, 2, 3]], [0, 1]),  # the upper takes 1, which leaves the lower 9; 1 and 2 together would have been less
        ([[3, 1, 2, 0], [0, 5, 1, 2]], [1, 2]),  # the upper's 0 at layer 0 would leave the lower none; the lower's is above 2
        ([[1, 9, 9, 9], [9, 9, 0, 9], [9, 9, 9, 0]], [0, 2, 3]),
        ([[9, 0, 9], [0, 9, 9], [0, 9, 9]], [0, 1, 2]),
    ],
)
def test_layers_are_matched_from_the_top_down(errors, chosen):
    assert rising_match(torch.tensor(errors, dtype=torch.float32)) == chosen


@pytest.mark.parametrize(("teacher", "student"), [(1, 1), (1, 6), (2, 6), (4, 6), (5, 6), (6, 6)])
def test_a_match_rises_and_of_equal_numbers_is_the_identity(teacher, student):
    for seed in range(20):
        chosen = rising_match(random(teacher, student, seed=seed))
        assert len(chosen) == teacher
        assert chosen == sorted(set(chosen) & set(range(student)))
        assert teacher < student or chosen == list(range(teacher))


def test_fewer_student_layers_than_matches_are_an_error():
    with pytest.raises(ValueError, match="3 teacher layers cannot be matched with 2 student layers in rising order"):
        rising_match(random(3, 2))
