from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from edgemin.config.variants import Logits, MiniLMv2
from edgemin.distill.objectives import logits_kl, logits_mse, relation_kl
from edgemin.distill.relation_heads import relation_heads
from edgemin.distill.terms import term_maker
from edgemin.errors import EdgeminError

ROUNDING = 1e-6  # float32, sums of tens of terms of order 1


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STUDENT, TEACHER = random(2, 5, 12), random(2, 5, 24, seed=1)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def loss(student: torch.Tensor, teacher: torch.Tensor = TEACHER, mask: torch.Tensor = MASK, heads: int = 3) -> torch.Tensor:
    return relation_kl([(student, student)], [(teacher, teacher)], mask, heads)


def test_relations_of_two_tokens_by_hand():
    """One head, width 1, so d_r = 1. Tokens 1, 0 of the teacher: scores [[1, 0], [0, 0]]; tokens 0, 2 of the student:
    [[0, 0], [0, 4]]. KL of (e, 1) / (e + 1) from (1, 1) / 2, and of (1, 1) / 2 from (1, e^4) / (1 + e^4); their mean."""
    teacher, student = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    p = math.e / (math.e + 1)
    first = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    q = 1 / (1 + math.e**4)
    second = 0.5 * math.log(0.5 / q) + 0.5 * math.log(0.5 / (1 - q))
    found = relation_kl([(student, student)], [(teacher, teacher)], torch.ones(1, 2), 1)
    assert found.item() == pytest.approx((first + second) / 2, abs=ROUNDING)


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


def batch(model, text: int = 6):
    mask = torch.tensor([[1] * text, [1] * (text - 2) + [0, 0]])
    return {
        "input_ids": torch.randint(5, 90, mask.shape, generator=torch.Generator().manual_seed(0)) * mask,
        "attention_mask": mask,
    }


def test_a_minilmv2_term_reaches_the_student_up_to_its_layer_and_never_the_teacher(tiny):
    """Layer 0 of the student: its Q, K, V and the embeddings learn; what comes after them does not."""
    student = tiny()
    term = term_maker(student)(MiniLMv2(objective="minilmv2", student_layer=0, relation_heads=2))
    teacher = {f"qkv_last.{name}": random(2, 6, 8, seed=n).requires_grad_() for n, name in enumerate(("query", "key", "value"))}
    inputs = batch(student)
    logits = student(**inputs).logits
    found = term(
        logits=logits, mask=inputs["attention_mask"], labels=None, teacher={name: t.detach() for name, t in teacher.items()}
    )
    layer = student.bert.encoder.layer[0].attention
    projections = [getattr(layer.self, name) for name in ("query", "key", "value")]
    hidden = student.bert.embeddings(inputs["input_ids"])
    ours = [projection(hidden) for projection in projections]
    expected = relation_kl([(x, x) for x in ours], [(x, x) for x in teacher.values()], inputs["attention_mask"], 2)
    assert found.item() == pytest.approx(expected.item(), abs=ROUNDING)
    found.backward()
    learning = {name for name, parameter in student.named_parameters() if parameter.grad is not None and parameter.grad.any()}
    assert {f"bert.encoder.layer.0.attention.self.{name}.weight" for name in ("query", "key", "value")} < learning
    assert all("embeddings" in name or "layer.0.attention.self" in name for name in learning)
    assert all(tensor.grad is None for tensor in teacher.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"relation_heads": 3},
            "minilmv2.relation_heads: relation_heads 3 does not divide both widths, student 16 and teacher 12",
        ),
        ({"student_layer": 2}, "minilmv2.student_layer: layer 2 does not exist; the model has layers 0 to 1"),
    ],
)
def test_a_term_that_cannot_work_names_its_key(tiny, change, message):
    student = tiny()
    inputs = batch(student)
    teacher = {f"qkv_last.{name}": random(2, 6, 12) for name in ("query", "key", "value")}

    def step():
        term = term_maker(student)(MiniLMv2(objective="minilmv2", **change))
        term(logits=student(**inputs).logits, mask=inputs["attention_mask"], labels=None, teacher=teacher)

    with pytest.raises(EdgeminError, match=message):
        step()


@pytest.mark.parametrize(
    ("labels", "loss_name", "expected"), [(2, "kl", logits_kl), (2, "mse", logits_mse), (1, "kl", logits_mse)]
)
def test_a_logits_term_of_a_regression_is_a_squared_error(tiny, labels, loss_name, expected):
    """The softmax of one output is 1 whatever it is: its KL would be zero."""
    student = tiny(num_labels=labels)
    term = term_maker(student)(Logits(objective="logits", loss=loss_name, temperature=2))
    s, t = Z_S[:, :labels], Z_T[:, :labels]
    arguments = (s, t, 2) if expected is logits_kl else (s, t)
    assert term(logits=s, mask=None, labels=None, teacher={"logits": t}).item() == expected(*arguments).item() > 0
