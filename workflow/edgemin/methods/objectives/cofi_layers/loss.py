"""CoFi's layer-wise distillation (Xia et al. 2022, arXiv 2204.00408)."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import Capture
from edgemin.methods.distill.term import Projection, TeacherShape, hidden_mse
from edgemin.methods.objectives.cofi_layers import CofiLayers
from edgemin.study.family import hidden_width


def rising_match(errors: torch.Tensor) -> list[int]:
    """CoFi's layer map: errors (teacher layers, student layers) -> a student layer for each teacher layer.

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


class CofiLayersTerm(nn.Module):
    """The layer map is computed anew for every batch."""

    def __init__(self, config: CofiLayers, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.count = len(layers_of(student))
        self.capture = Capture(student, hidden=True)
        width = hidden_width(student.config)
        self.project = Projection(width, teacher.width, identity=width == teacher.width)

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        ours = [self.project(self.capture.hidden(n)) for n in range(1, self.count + 1)]
        theirs = [teacher[f"hidden_map{self.config.layers}.{part}"] for part in range(1, self.config.layers + 1)]
        errors = torch.stack([torch.stack([hidden_mse(o, t, mask) for o in ours]) for t in theirs])
        chosen = rising_match(errors.detach())
        return torch.stack([errors[t, s] for t, s in enumerate(chosen)]).sum()
