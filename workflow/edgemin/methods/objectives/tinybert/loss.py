"""TinyBERT's losses of the intermediate step (Jiao et al. 2019, arXiv 1909.10351)."""

from __future__ import annotations

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import Capture
from edgemin.methods.distill.term import Projection, TeacherShape, hidden_mse, over_tokens, weighted
from edgemin.methods.objectives.tinybert import TinyBert
from edgemin.study.family import hidden_width


def scores_mse(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of raw attention scores (B, L query, L key, heads) over heads and real pairs of tokens.

    The paper's code zeroes masked entries and averages over padding too; here padded rows and columns do not count.
    """
    error_BQK = (student - teacher.float()).square().mean(-1)
    real = mask.to(error_BQK.dtype)
    return over_tokens((error_BQK * real[:, None, :]).sum(-1) / real.sum(-1)[:, None], mask)


class TinyBertTerm(nn.Module):
    """Sums over the layers of the student, each with its layer of the teacher."""

    def __init__(self, config: TinyBert, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        of_hidden = bool(config.embeddings or config.hidden)
        self.capture = Capture(student, range(len(layers_of(student))) if config.attention else (), hidden=of_hidden)
        self.project = Projection(hidden_width(student.config), teacher.width, needed=of_hidden)
        self.parts: dict[str, float] = {}

    def forward(
        self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        config, parts = self.config, {}
        hidden = {
            n: hidden_mse(self.project(self.capture.hidden(n)), teacher[f"hidden_map{config.layers}.{n}"], mask)
            for n in range(config.layers + 1)
            if (config.hidden if n else config.embeddings)
        }
        if config.embeddings:
            parts["embeddings"] = hidden.pop(0)
        if config.hidden:
            parts["hidden"] = torch.stack(list(hidden.values())).sum()
        if config.attention:
            theirs = [teacher[f"scores_map{config.layers}.{n + 1}"] for n in range(config.layers)]
            scores = [scores_mse(self.capture.scores(n), their, mask) for n, their in enumerate(theirs)]
            parts["attention"] = torch.stack(scores).sum()
        return weighted(self, parts, {name: getattr(config, name) for name in parts})
