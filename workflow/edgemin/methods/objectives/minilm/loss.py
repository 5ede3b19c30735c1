"""MiniLM's two losses (Wang et al. 2020, arXiv 2002.10957)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import Capture
from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.distill.term import MASKED, over_tokens, weighted


def attention_kl(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """KL(teacher attention || student attention) from raw scores (B, L query, L key, heads), padded keys masked.

    Mean over heads and a sample's real query rows, then over samples.
    """
    padded = ~mask.bool()[:, None, :, None]
    log_s, log_t = (F.log_softmax(scores.float().masked_fill(padded, MASKED), dim=2) for scores in (student, teacher))
    return over_tokens((log_t.exp() * (log_t - log_s)).sum(2).mean(-1), mask)


class MiniLMTerm(nn.Module):
    """The relations of the last layer."""

    def __init__(self, student: Classifier) -> None:
        super().__init__()
        self.last = len(layers_of(student)) - 1
        self.capture = Capture(student, [self.last])
        self.parts: dict[str, float] = {}

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        ours_v, theirs_v = self.capture[self.last, "value"], teacher["qkv_last.value"]
        scores = self.capture.scores(self.last)
        parts = {
            "attention": attention_kl(scores, teacher["scores_last.1"], mask),
            "values": relation_kl([(ours_v, ours_v)], [(theirs_v, theirs_v)], mask, scores.shape[-1]),
        }
        return weighted(self, parts, dict.fromkeys(parts, 1.0))
