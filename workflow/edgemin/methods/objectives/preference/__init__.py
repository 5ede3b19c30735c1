"""Which of two the teacher prefers, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class Preference(Term):
    """Pairwise preferences: P(i over j) = sigmoid((z_i - z_j) / T), matched by KL. Between the classes of one example it is
    Hinton's loss again where there are two classes; between the examples of a batch (on each class's logit) it is not."""

    predicts: ClassVar[bool] = True
    objective: Literal["preference"]
    between: Literal["classes", "examples"] = "classes"
    """Pairs of the classes of one example (with two classes the same as `logits`; not in regression), or of the examples of a batch."""
    temperature: float = Field(1.0, gt=0)
    """Divides the differences."""

    @property
    def needs(self) -> list[str]:
        return ["logits"]

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        if self.between == "classes" and not kind.classes:
            raise EdgeminError(f"preference: a {kind.name} has no classes to prefer; set between: examples")

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.PreferenceTerm(self)
