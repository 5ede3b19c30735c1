"""Relations between the tokens of a sentence: softmax(A B^T / sqrt(d)) of two projections."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from edgemin.methods.distill.term import MASKED, over_tokens


def relations(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor, heads: int) -> torch.Tensor:
    """log softmax(A B^T / sqrt(d_r)) per relation head: (B, H, L, L), padded keys masked.

    a, b: projections (B, L, width), all attention heads side by side, re-split into `heads` relation heads. mask: (B, L).
    """
    a_BHLD, b_BHLD = (x.float().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (a, b))
    scores = a_BHLD @ b_BHLD.transpose(-1, -2) / math.sqrt(a_BHLD.shape[-1])
    return F.log_softmax(scores.masked_fill(~mask.bool()[:, None, None, :], MASKED), dim=-1)


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
        total = total + over_tokens(kl_BHL.mean(1), mask)
    return total
