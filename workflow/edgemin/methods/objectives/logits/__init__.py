"""The teacher's predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from edgemin.study.kind import Kind
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class Logits(Term):
    """Hinton et al. 2015 (arXiv 1503.02531): T² · KL(teacher || student) of the tempered predictions."""

    predicts: ClassVar[bool] = True
    objective: Literal["logits"]
    temperature: float = Field(1.0, gt=0)
    """T; of no effect with `mse` and in regression."""
    loss: Literal["kl", "mse", "cross_entropy"] = "kl"
    """`mse`: mean squared error of the logits, always used in regression; `cross_entropy`: soft cross-entropy without T², TinyBERT's
    prediction loss."""

    @property
    def needs(self) -> list[str]:
        return ["logits"]

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.LogitsTerm(self, kind)
