"""Self-attention relations of one layer: the paper's Stage 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.methods.objectives.shared import LayerChoice, Projection, RelationHeads, check_relations
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class MiniLMv2(Term):
    """Wang et al. 2020 (arXiv 2012.15828): KL of self-attention relations of one layer."""

    objective: Literal["minilmv2"]
    teacher_layer: LayerChoice = "last"
    """Layer of the teacher, counted from 0, or `last`."""
    student_layer: LayerChoice = "last"
    """Layer of the student, likewise."""
    relations: Annotated[list[tuple[Projection, Projection]], Field(min_length=1)] = [
        ("query", "query"),
        ("key", "key"),
        ("value", "value"),
    ]
    """Pairs of `query`, `key`, `value`: `[[query, key], [value, value]]`."""
    relation_heads: RelationHeads = "auto"
    """A number that divides both attention widths; `auto`: their largest common divisor that is at most 48."""

    @property
    def needs(self) -> list[str]:
        return [f"qkv_{self.teacher_layer}"]

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        for who, layer, shape in (("teacher", self.teacher_layer, teacher), ("student", self.student_layer, student)):
            if shape and layer != "last" and int(layer) >= len(shape.heads):
                raise EdgeminError(
                    f"minilmv2.{who}_layer {layer} does not exist; the {who} has layers 0 to {len(shape.heads) - 1}"
                )
        if teacher and student and teacher.exact and student.exact:
            layers = tuple(-1 if layer == "last" else int(layer) for layer in (self.teacher_layer, self.student_layer))
            check_relations("minilmv2", self.relation_heads, teacher, student, (layers[0], layers[1]))

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.MiniLMv2Term(self, student)
