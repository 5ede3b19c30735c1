from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

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
from edgemin.distill.relation_heads import relation_heads

ROUNDING = 1e-6  # float32, sums of tens of terms of order 1


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STUDENT, TEACHER = random(2, 5, 12), random(2, 5, 24, seed=1)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def loss(student: torch.Tensor, teacher: torch.Tensor = TEACHER, mask: torch.Tensor = MASK, heads: int = 3) -> torch.Tensor:
    return relation_kl([(student, student)], [(teacher, teacher)], mask, heads)


def binary_kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_relations_of_two_tokens_by_hand():
    """One head, width 1, so d_r = 1. Tokens 1, 0 of the teacher: scores [[1, 0], [0, 0]]; tokens 0, 2 of the student:
    [[0, 0], [0, 4]]. KL of (e, 1) / (e + 1) from (1, 1) / 2, and of (1, 1) / 2 from (1, e^4) / (1 + e^4); their mean."""
    teacher, student = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    expected = (binary_kl(sigmoid(1), 0.5) + binary_kl(0.5, sigmoid(-4))) / 2
    found = relation_kl([(student, student)], [(teacher, teacher)], torch.ones(1, 2), 1)
    assert found.item() == pytest.approx(expected, abs=ROUNDING)


def by_loops(pairs_s, pairs_t, mask, heads: int) -> float:
    """Equation by equation: sum over pairs of 1/N sum_n 1/(A_r |x_n|) sum_a sum_t KL(R^T || R^S), in float64."""

    def softmax(scores):
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    total = 0.0
    for (s_a, s_b), (t_a, t_b) in zip(pairs_s, pairs_t, strict=True):
        for sample, real in enumerate(mask.sum(1).tolist()):
            for head in range(heads):
                for row in range(real):
                    rows = []
                    for a, b in ((t_a, t_b), (s_a, s_b)):
                        width = a.shape[-1] // heads
                        part = slice(head * width, (head + 1) * width)
                        a_, b_ = (x[sample, :real, part].double().numpy() for x in (a, b))
                        rows.append(softmax(b_ @ a_[row] / math.sqrt(width)))
                    total += (rows[0] * np.log(rows[0] / rows[1])).sum() / (heads * real * len(mask))
    return total


@pytest.mark.parametrize("heads", [1, 3, 6])
def test_relations_are_the_papers_sum(heads):
    """Three pairs, one of unlike projections; samples of unlike lengths and widths."""
    students = [(random(2, 5, 12, seed=n), random(2, 5, 12, seed=n + 9 * (n == 2))) for n in range(3)]
    teachers = [(random(2, 5, 24, seed=n + 30), random(2, 5, 24, seed=n + 30 + 9 * (n == 2))) for n in range(3)]
    found = relation_kl(students, teachers, MASK, heads).item()
    assert found == pytest.approx(by_loops(students, teachers, MASK, heads), rel=1e-5)  # float32 against float64


def test_relations_of_a_model_with_itself_are_zero():
    assert loss(TEACHER).item() == 0
    student = TEACHER.clone().requires_grad_()
    loss(student).backward()
    assert student.grad.abs().max() < ROUNDING  # the minimum


def test_more_padding_changes_nothing_and_receives_no_gradient():
    """Whatever stands in the padded places, other lengths of padding included."""
    results = []
    for extra, junk in ((0, 0.0), (3, 1e3), (11, -7.0)):
        student, teacher = (nn.functional.pad(x, (0, 0, 0, extra), value=junk) for x in (STUDENT, TEACHER))
        mask = nn.functional.pad(MASK, (0, extra))
        student = torch.where(mask.bool()[..., None], student, torch.tensor(junk)).requires_grad_()
        value = loss(student, teacher, mask)
        value.backward()
        assert torch.equal(student.grad[mask == 0], torch.zeros_like(student.grad[mask == 0]))
        results.append((value.item(), student.grad[mask == 1]))
    for value, gradient in results[1:]:
        assert value == pytest.approx(results[0][0], abs=ROUNDING)
        torch.testing.assert_close(gradient, results[0][1], rtol=0, atol=ROUNDING)


def test_a_rotation_inside_a_relation_head_changes_nothing():
    rotations = [torch.linalg.qr(random(4, 4, seed=seed))[0] for seed in range(3)]
    rotated = STUDENT @ torch.block_diag(*rotations)
    assert loss(rotated).item() == pytest.approx(loss(STUDENT).item(), abs=ROUNDING)


def test_moving_dimensions_to_another_relation_head_changes_much():
    order = torch.arange(12).reshape(3, 4).T.flatten()  # deals the dimensions out over the heads
    assert abs(loss(STUDENT[..., order]) - loss(STUDENT)) > 0.01
    within = torch.tensor([1, 0, 2, 3, *range(4, 12)])
    assert loss(STUDENT[..., within]).item() == pytest.approx(loss(STUDENT).item(), abs=ROUNDING)


def test_samples_count_alike_whatever_their_lengths():
    """The mean over samples of what each gives alone, not a mean over all tokens."""
    alone = [loss(STUDENT[n : n + 1], TEACHER[n : n + 1], MASK[n : n + 1]).item() for n in range(2)]
    assert loss(STUDENT).item() == pytest.approx(sum(alone) / 2, abs=ROUNDING)


@pytest.mark.parametrize(
    ("requested", "student", "teacher", "heads"),
    [
        ("auto", 384, 768, 48),
        ("auto", 312, 768, 24),
        ("auto", 384, 384, 48),
        ("auto", 7, 11, 1),
        (12, 312, 768, 12),
        (64, 1024, 1024, 64),
    ],
)
def test_relation_heads_divide_both_widths(requested, student, teacher, heads):
    assert relation_heads(requested, student, teacher) == heads


def test_relation_heads_that_do_not_divide_are_an_error():
    with pytest.raises(ValueError, match="relation_heads 48 does not divide both widths, student 312 and teacher 768"):
        relation_heads(48, 312, 768)


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
