"""How many relation heads fit a teacher and a student (MiniLMv2, arXiv 2012.15828)."""

from __future__ import annotations

import math


def relation_heads(requested: int | str, student_width: int, teacher_width: int) -> int:
    """Number of relation heads: `auto` is the largest common divisor of both widths that is at most 48.

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
