"""Hidden states and relations of the last layer."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import PROJECTIONS, Capture
from edgemin.methods.distill.relations import relation_kl
from edgemin.methods.distill.term import Projection, TeacherShape, hidden_mse, weighted
from edgemin.methods.objectives.feature_relation import FeatureRelation
from edgemin.methods.objectives.shared import relation_heads
from edgemin.study.family import hidden_width

_SMALLEST = 1e-3  # a student that begins as its own teacher has first sizes of mere rounding: nothing to divide by


class FeatureRelationTerm(nn.Module):
    """Each part is divided by its size at the first step. That size is a buffer, so a resumed run uses the same one."""

    first: torch.Tensor

    def __init__(self, config: FeatureRelation, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.last = len(layers_of(student))
        self.capture = Capture(student, [self.last - 1], hidden=True)
        self.project = Projection(hidden_width(student.config), teacher.width)
        self.register_buffer("first", torch.zeros(2))
        self.parts: dict[str, float] = {}

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        ours = [self.capture[self.last - 1, name] for name in PROJECTIONS]
        theirs = [teacher[f"qkv_last.{name}"] for name in PROJECTIONS]
        heads = relation_heads(self.config.relation_heads, ours[0].shape[-1], theirs[0].shape[-1])
        parts = {
            "hidden": hidden_mse(self.project(self.capture.hidden(self.last)), teacher["hidden_last.1"], mask),
            "relation": relation_kl([(x, x) for x in ours], [(x, x) for x in theirs], mask, heads),
        }
        if self.config.normalise and not self.first.any():
            self.first.copy_(torch.stack(list(parts.values())).detach())
        sizes = self.first.clamp(min=_SMALLEST).tolist() if self.config.normalise else [1.0, 1.0]
        return weighted(self, parts, {"hidden": self.config.hidden / sizes[0], "relation": self.config.relation / sizes[1]})
