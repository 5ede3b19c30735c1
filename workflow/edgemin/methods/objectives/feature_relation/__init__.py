"""Hidden states and relations together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgemin.methods.objectives.shared import RelationHeads, check_relations
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class FeatureRelation(Term):
    """Hidden states (mean squared error through a learned projection) and query, key and value relations, both of the last
    layer; each is divided by its size at the first step, so that neither drowns the other."""

    objective: Literal["feature_relation"]
    hidden: float = Field(1.0, gt=0)
    """Weight of the hidden states."""
    relation: float = Field(1.0, gt=0)
    """Weight of the relations."""
    relation_heads: RelationHeads = "auto"
    """As in `minilmv2`."""
    normalise: bool = True
    """Divide each of the two by its size at the phase's first step."""

    @property
    def needs(self) -> list[str]:
        return ["hidden_last", "qkv_last"]

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        if teacher and student and teacher.exact and student.exact:
            check_relations("feature_relation", self.relation_heads, teacher, student)

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.FeatureRelationTerm(self, student, teacher)
