"""The loss of the kind of task."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.study.kind import Kind


class LabelsTerm(nn.Module):
    """Reads nothing of a teacher."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.losses = kind.losses()

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        return self.losses.loss(logits, labels)
