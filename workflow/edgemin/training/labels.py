"""The plain objective: gold labels. The teacher's, and every comparison's control."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Teacher = dict[str, torch.Tensor]


def labels_loss(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits (B, K) with class indices (B,); mean squared error if `gold` is floating."""
    if gold.is_floating_point():
        return F.mse_loss(logits.squeeze(-1), gold.to(logits.dtype))
    return F.cross_entropy(logits, gold)


class LabelsTerm(nn.Module):
    """The term on `student`; it reads nothing of a teacher."""

    def __init__(self, config: Any, student: nn.Module) -> None:
        super().__init__()

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        return labels_loss(logits, labels)
