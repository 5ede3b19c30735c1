"""Terms of a phase: a config's objective bound to the student that it trains.

A term is called as term(logits, mask, labels, teacher) after the student's forward and returns a scalar. A new objective
is a function in `objectives`, a config model, and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from edgemin.config.variants import Labels, Logits, MiniLMv2
from edgemin.distill import objectives
from edgemin.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.distill.relation_heads import relation_heads
from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.training.labels import LabelsTerm, Teacher


class LogitsTerm(nn.Module):
    def __init__(self, config: Logits, student: Classifier) -> None:
        super().__init__()
        self.config = config
        # One output is a regression: its softmax is constant, so the KL would be zero whatever the student says.
        self.mse = config.loss == "mse" or student.config.num_labels == 1

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        if self.mse:
            return objectives.logits_mse(logits, teacher["logits"])
        return objectives.logits_kl(logits, teacher["logits"], self.config.temperature)


class MiniLMv2Term(nn.Module):
    def __init__(self, config: MiniLMv2, student: Classifier) -> None:
        super().__init__()
        self.config = config
        self.layer = layer_number(student, config.student_layer, "minilmv2.student_layer")
        self.capture = Capture(student, [self.layer])

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        signal = f"qkv_{self.config.teacher_layer}"
        theirs = {name: teacher[f"{signal}.{name}"] for name in PROJECTIONS}
        ours = {name: self.capture[self.layer, name] for name in PROJECTIONS}
        try:
            heads = relation_heads(self.config.relation_heads, ours["query"].shape[-1], theirs["query"].shape[-1])
        except ValueError as error:
            raise EdgeminError(f"minilmv2.relation_heads: {error}; use auto, or a divisor of both") from None
        pairs = self.config.relations
        return objectives.relation_kl(
            [(ours[a], ours[b]) for a, b in pairs], [(theirs[a], theirs[b]) for a, b in pairs], mask, heads
        )


TERMS: dict[type, type[nn.Module]] = {Labels: LabelsTerm, Logits: LogitsTerm, MiniLMv2: MiniLMv2Term}


def term_maker(student: Classifier) -> Callable[[Any], nn.Module]:
    """A function from a term's config to its module on `student`."""
    return lambda config: TERMS[type(config)](config, student)
