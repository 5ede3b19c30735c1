"""Building blocks of objectives: the teacher's shape, learned projections, means over real tokens, weighted sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgemin.core.files import read_json
from edgemin.encoders.blocks import Classifier
from edgemin.study.family import hidden_width
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape, Structure
from edgemin.study.term import Term

MASKED = torch.finfo(torch.float32).min / 2  # finite, so that a masked key's 0 * (log t - log s) is 0, not NaN


@dataclass(frozen=True)
class TeacherShape:
    """The properties of the teacher that a term needs before its first batch."""

    width: int
    """Width of its hidden states."""
    shape: Shape

    @classmethod
    def of(cls, folder: Path) -> TeacherShape:
        config = read_json(folder / "config.json")
        return cls(hidden_width(config), shape_of(config))


def shape_of(config: Any) -> Shape:
    """The properties of an existing encoder."""
    structure = Structure.of(config)
    return Shape(tuple(map(len, structure.heads)), structure.head_dim)


def term_maker(student: Classifier, teacher: TeacherShape, kind: Kind) -> Callable[[Term], nn.Module]:
    """A function from a term's settings to its module on `student`. It raises EdgeminError for a term that does not fit."""

    def make(term: Term) -> nn.Module:
        term.check(teacher.shape, shape_of(student.config), kind)
        return term.build(student, teacher, kind)

    return make


class Projection(nn.Module):
    """Student hidden states -> the teacher's width. Nothing is learned where `needed` is false."""

    def __init__(self, student_width: int, teacher_width: int, needed: bool = True, identity: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(student_width, teacher_width, bias=False) if needed else None
        if self.linear is not None and identity:
            nn.init.eye_(self.linear.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden if self.linear is None else self.linear(hidden)


def over_tokens(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """values (B, L) -> mean over a sample's real tokens, then over samples: extra padding changes nothing."""
    mask = mask.to(values.dtype)
    return ((values * mask).sum(-1) / mask.sum(-1)).mean()


def hidden_mse(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of hidden states (B, L, W) over width and real tokens. mask: (B, L)."""
    return over_tokens((student - teacher.float()).square().mean(-1), mask)


def weighted(term: Any, parts: dict[str, torch.Tensor], weights: dict[str, float]) -> torch.Tensor:
    """The weighted sum. The value of each part is stored in `term.parts`, for the log."""
    term.parts = {name: float(value.detach()) for name, value in parts.items()}
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()
