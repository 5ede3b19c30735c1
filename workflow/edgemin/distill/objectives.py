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
        per_sample = (kl_BHL.mean(1) * mask).sum(-1) / mask.sum(-1)
        total = total + per_sample.mean()
    return total
