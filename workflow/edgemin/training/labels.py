"""The plain objective: gold labels. The teacher's, and every comparison's control."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Teacher = dict[str, torch.Tensor]


NO_LABEL = -100
"""Class index of an example without a gold label; a regression has NaN."""


def labels_loss(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits (B, K) with class indices (B,); mean squared error if `gold` is floating.

    The mean over the examples that have a label; 0 for a batch without one.
    """
    if gold.is_floating_point():
        known = ~gold.isnan()
        errors = (logits.squeeze(-1) - gold.to(logits.dtype).masked_fill(~known, 0)).square()
    else:
        known = gold != NO_LABEL
        errors = F.cross_entropy(logits, gold, ignore_index=NO_LABEL, reduction="none")
    return errors.masked_fill(~known, 0).sum() / known.sum().clamp(min=1)


class LabelsTerm(nn.Module):
    """The term on `student`; it reads nothing of a teacher."""

    def __init__(self, config: Any, student: nn.Module) -> None:
        super().__init__()

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        return labels_loss(logits, labels)
