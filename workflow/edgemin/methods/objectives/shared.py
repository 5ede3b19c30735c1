"""Settings shared by several objectives: relation heads, and the checks that they fit a teacher and a student."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.structure import Shape

Projection = Literal["query", "key", "value"]
RelationHeads = Annotated[int, Field(ge=1)] | Literal["auto"]
LayerChoice = Annotated[int, Field(ge=0)] | Literal["last"]


def relation_heads(requested: int | str, student_width: int, teacher_width: int) -> int:
    """Number of relation heads (MiniLMv2, arXiv 2012.15828): `auto` is the largest common divisor of both widths that is at most 48.

    Raises ValueError if the requested number does not divide both.
    """
    if requested == "auto":
        common = math.gcd(student_width, teacher_width)
        return max(d for d in range(1, 49) if common % d == 0)
    heads = int(requested)
    if student_width % heads or teacher_width % heads:
        raise ValueError(
            f"relation_heads {heads} does not divide both widths, student {student_width} and teacher {teacher_width}"
        )
    return heads


@refuses
def check_relations(
    objective: str, requested: int | str, teacher: Shape, student: Shape, layers: tuple[int, int] = (-1, -1)
) -> None:
    """Raises EdgeminError if relations of these layers, of teacher and student, cannot be compared."""
    ours, theirs = student.heads[layers[1]], teacher.heads[layers[0]]
    if not (ours and theirs):
        where = "the last layer" if layers == (-1, -1) else "the compared layers"
        raise EdgeminError(f"{objective} needs attention in {where} of student and teacher; it was dropped")
    try:
        relation_heads(requested, ours * student.head_dim, theirs * teacher.head_dim)
    except ValueError as error:
        raise EdgeminError(f"{objective}.{error}; use auto, or a divisor of both") from None
