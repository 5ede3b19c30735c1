"""Attention and value relations of the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class MiniLM(Term):
    """Wang et al. 2020 (arXiv 2002.10957): KL of the last layer's attention distributions and of its value relations. Teacher and
    student need as many heads there; `minilmv2` does not."""

    objective: Literal["minilm"]

    @property
    def needs(self) -> list[str]:
        return ["qkv_last", "scores_last"]

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        if teacher and student and teacher.exact and student.exact and student.heads[-1] != teacher.heads[-1]:
            raise EdgeminError(
                f"minilm needs as many attention heads in the student's last layer ({student.heads[-1]}) as in the "
                f"teacher's ({teacher.heads[-1]}); use minilmv2, whose relation heads are regrouped"
            )

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.MiniLMTerm(student)
