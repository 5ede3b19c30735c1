"""KL of pairwise preferences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from edgemin.methods.objectives.preference import Preference


def preference_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 * mean over rows and pairs i < j of KL(Bernoulli(P_teacher(i over j)) || Bernoulli(P_student(i over j))).

    Both (rows, items), at least two items; P(i over j) = sigmoid((z_i - z_j) / T). With two items it is Hinton's loss.
    """
    i, j = torch.triu_indices(student.shape[1], student.shape[1], offset=1, device=student.device)
    ours, theirs = ((z[:, i] - z[:, j]) / temperature for z in (student, teacher))
    p = torch.sigmoid(theirs)
    kl = p * (F.logsigmoid(theirs) - F.logsigmoid(ours)) + (1 - p) * (F.logsigmoid(-theirs) - F.logsigmoid(-ours))
    return temperature**2 * kl.mean()


class PreferenceTerm(nn.Module):
    """Between classes, or between examples."""

    def __init__(self, config: Preference) -> None:
        super().__init__()
        self.config = config

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        ours, theirs = logits, teacher["logits"]
        if self.config.between == "examples":
            ours, theirs = ours.T, theirs.T
            if ours.shape[1] == 1:  # the last batch may hold one example: no pair
                return ours.sum() * 0
        return preference_kl(ours, theirs, self.config.temperature)
