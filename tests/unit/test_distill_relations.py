"""Relations between the tokens of a sentence, against the paper's sum and what must not change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.objectives.shared import relation_heads

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
