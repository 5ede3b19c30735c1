"""DistilBERT's three losses (Sanh et al. 2019, arXiv 1910.01108)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import Capture
from edgemin.methods.distill.term import Projection, TeacherShape, over_tokens, weighted
from edgemin.methods.objectives.distilbert import DistilBert
from edgemin.study.family import hidden_width
from edgemin.study.kind import Kind


def hidden_cosine(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """1 - cosine of hidden states (B, L, W), mean over real tokens. mask: (B, L)."""
    return over_tokens(1 - F.cosine_similarity(student, teacher.float(), dim=-1), mask)


class DistilBertTerm(nn.Module):
    """Predictions, labels and last hidden states."""

    def __init__(self, config: DistilBert, student: Classifier, teacher: TeacherShape, kind: Kind) -> None:
        super().__init__()
        self.config, self.losses = config, kind.losses()
        self.last = len(layers_of(student))
        self.capture = Capture(student, hidden=True)
        width = hidden_width(student.config)
        self.project = Projection(width, teacher.width, needed=width != teacher.width)
        self.parts: dict[str, float] = {}

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        ours, theirs = self.project(self.capture.hidden(self.last)), teacher["hidden_last.1"]
        parts = {
            "logits": self.losses.soft_loss(logits, teacher["logits"], self.config.temperature, "kl"),
            "labels": self.losses.loss(logits, labels),
            "cosine": hidden_cosine(ours, theirs, mask),
        }
        return weighted(self, parts, {name: getattr(self.config, name) for name in parts})
