"""Predictions, labels and the direction of the last hidden state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from edgemin.study.kind import Kind
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class DistilBert(Term):
    """Sanh et al. 2019 (arXiv 1910.01108), for a task: tempered logits, gold labels in place of masked words, and the
    cosine of the last hidden states. If the widths differ, a learned projection maps the student's states to the teacher's width."""

    predicts: ClassVar[bool] = True
    objective: Literal["distilbert"]
    temperature: float = Field(2.0, gt=0)
    """Of the predictions."""
    logits: float = Field(5.0, ge=0)
    """Weight of the teacher's predictions."""
    labels: float = Field(2.0, ge=0)
    """Weight of the gold labels."""
    cosine: float = Field(1.0, gt=0)
    """Weight of the cosine of the last hidden states."""

    @property
    def needs(self) -> list[str]:
        return ["hidden_last", "logits"]

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.DistilBertTerm(self, student, teacher, kind)
