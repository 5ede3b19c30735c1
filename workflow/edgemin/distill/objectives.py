"""Distillation objectives: pure functions of student and teacher outputs, each with its source."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

_MASKED = torch.finfo(torch.float32).min / 2  # finite, so that a masked key's 0 * (log t - log s) is 0, not NaN


def logits_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 * KL(softmax(teacher/T) || softmax(student/T)), mean over the batch; both (B, K).

    Hinton et al. 2015, arXiv 1503.02531. As T grows it tends to |centred difference|^2 / 2K.
    """
    log_student = F.log_softmax(student / temperature, dim=-1)
    log_teacher = F.log_softmax(teacher / temperature, dim=-1)
    return temperature**2 * F.kl_div(log_student, log_teacher, log_target=True, reduction="batchmean")


def logits_mse(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the logits."""
    return F.mse_loss(student, teacher)


def soft_cross_entropy(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """-sum softmax(teacher/T) log softmax(student/T), mean over the batch; both (B, K).

    TinyBERT, arXiv 1909.10351 (whose code averages over the classes too, a K-th of this).
    """
    return F.cross_entropy(student / temperature, F.softmax(teacher / temperature, dim=-1))


def preference_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 * mean over rows and pairs i < j of KL(Bernoulli(P_teacher(i over j)) || Bernoulli(P_student(i over j))).

    Both (rows, items), at least two items; P(i over j) = sigmoid((z_i - z_j) / T). With two items it is `logits_kl`.
    """
    i, j = torch.triu_indices(student.shape[1], student.shape[1], offset=1, device=student.device)
    ours, theirs = ((z[:, i] - z[:, j]) / temperature for z in (student, teacher))
    p = torch.sigmoid(theirs)
    kl = p * (F.logsigmoid(theirs) - F.logsigmoid(ours)) + (1 - p) * (F.logsigmoid(-theirs) - F.logsigmoid(-ours))
    return temperature**2 * kl.mean()


def _over_tokens(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """values (B, L) -> mean over a sample's real tokens, then over samples: extra padding changes nothing."""
    mask = mask.to(values.dtype)
    return ((values * mask).sum(-1) / mask.sum(-1)).mean()


def hidden_mse(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of hidden states (B, L, W) over width and real tokens. mask: (B, L)."""
    return _over_tokens((student - teacher.float()).square().mean(-1), mask)


def hidden_cosine(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """1 - cosine of hidden states (B, L, W), mean over real tokens. mask: (B, L). DistilBERT, arXiv 1910.01108."""
    return _over_tokens(1 - F.cosine_similarity(student, teacher.float(), dim=-1), mask)


def scores_mse(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of raw attention scores (B, L query, L key, heads) over heads and real pairs of tokens.

    TinyBERT, arXiv 1909.10351, zeroes masked entries and averages over padding too; here padded rows and columns do not count.
    """
    error_BQK = (student - teacher.float()).square().mean(-1)
    real = mask.to(error_BQK.dtype)
    return _over_tokens((error_BQK * real[:, None, :]).sum(-1) / real.sum(-1)[:, None], mask)


def attention_kl(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """KL(teacher attention || student attention) from raw scores (B, L query, L key, heads), padded keys masked.

    MiniLM, arXiv 2002.10957: mean over heads and a sample's real query rows, then over samples.
    """
    padded = ~mask.bool()[:, None, :, None]
    log_s, log_t = (F.log_softmax(scores.float().masked_fill(padded, _MASKED), dim=2) for scores in (student, teacher))
    return _over_tokens((log_t.exp() * (log_t - log_s)).sum(2).mean(-1), mask)


def rising_match(errors: torch.Tensor) -> list[int]:
    """CoFi's layer map (arXiv 2204.00408): errors (teacher layers, student layers) -> a student layer for each teacher layer.

    From the top down each teacher layer takes the student layer with the least error below the one taken before.
    Layers of the student that are left for the teacher's lower ones are not taken. Raises ValueError if the student has fewer.
    """
    wanted, limit = errors.shape
    if wanted > limit:
        raise ValueError(f"{wanted} teacher layers cannot be matched with {limit} student layers in rising order")
    chosen: list[int] = []
    for teacher in reversed(range(wanted)):
        limit = teacher + int(errors[teacher, teacher:limit].argmin())
        chosen.append(limit)
    return chosen[::-1]


def relations(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor, heads: int) -> torch.Tensor:
    """log softmax(A B^T / sqrt(d_r)) per relation head: (B, H, L, L), padded keys masked.

    a, b: projections (B, L, width), all attention heads side by side, re-split into `heads` relation heads. mask: (B, L).
    """
    a_BHLD, b_BHLD = (x.float().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (a, b))
    scores = a_BHLD @ b_BHLD.transpose(-1, -2) / math.sqrt(a_BHLD.shape[-1])
    return F.log_softmax(scores.masked_fill(~mask.bool()[:, None, None, :], _MASKED), dim=-1)


def relation_kl(
    student: Sequence[tuple[torch.Tensor, torch.Tensor]],
    teacher: Sequence[tuple[torch.Tensor, torch.Tensor]],
    mask: torch.Tensor,
    heads: int,
) -> torch.Tensor:
    """MiniLMv2 (arXiv 2012.15828): sum over relation pairs of KL(teacher relation || student relation).

    student, teacher: pairs of projections (B, L, width), such as (query, query). mask: (B, L), 1 on real tokens.
    Per pair: mean over relation heads and over a sample's real query rows, then over samples; padded rows are dropped.
    """
    mask = mask.to(torch.float32)
    total = mask.new_zeros(())
    for (s_a, s_b), (t_a, t_b) in zip(student, teacher, strict=True):
        log_s = relations(s_a, s_b, mask, heads)
        log_t = relations(t_a, t_b, mask, heads)
        kl_BHL = (log_t.exp() * (log_t - log_s)).sum(-1)
        total = total + _over_tokens(kl_BHL.mean(1), mask)
    return total
