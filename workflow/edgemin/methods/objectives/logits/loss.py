"""The soft loss of the kind of task."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.methods.objectives.logits import Logits
from edgemin.study.kind import Kind


class LogitsTerm(nn.Module):
    """Follows the teacher's logits."""

    def __init__(self, config: Logits, kind: Kind) -> None:
        super().__init__()
        self.config, self.losses = config, kind.losses()

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        return self.losses.soft_loss(logits, teacher["logits"], self.config.temperature, self.config.loss)
