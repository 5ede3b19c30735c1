"""MiniLMv2's loss (Wang et al. 2020, arXiv 2012.15828)."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import PROJECTIONS, Capture
from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.objectives.minilmv2 import MiniLMv2
from edgemin.methods.objectives.shared import relation_heads


class MiniLMv2Term(nn.Module):
    """Relations of one layer of the student to one of the teacher."""

    def __init__(self, config: MiniLMv2, student: Classifier) -> None:
        super().__init__()
        self.config = config
        self.layer = len(layers_of(student)) - 1 if config.student_layer == "last" else int(config.student_layer)
        self.capture = Capture(student, [self.layer])

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        signal, pairs = f"qkv_{self.config.teacher_layer}", self.config.relations
        theirs = {name: teacher[f"{signal}.{name}"] for name in PROJECTIONS}
        ours = {name: self.capture[self.layer, name] for name in PROJECTIONS}
        heads = relation_heads(self.config.relation_heads, ours["query"].shape[-1], theirs["query"].shape[-1])
        return relation_kl([(ours[a], ours[b]) for a, b in pairs], [(theirs[a], theirs[b]) for a, b in pairs], mask, heads)
