"""What of a space stays: cells that may have few enough megabytes, and not too many of them."""

from __future__ import annotations

from dataclasses import replace

from edgemin.compressing.space import Branch, Cell

MOST_CELLS = 18
SPARE = 1.15
"""Estimates of bytes are a few per cent off; the number of tokens that texts use is a guess where there is no tokenizer yet."""
_FEWER = (("",), ("int4",), ("", "int4"))
"""What is left out of a space that is too large, as little as is enough; the teacher itself and static students are always there."""


def may_have(branch: Branch, megabytes: float) -> bool:
    """Whether some cell of it has at most so many, as far as estimates go."""
    return min(cell.bytes for cell in branch.cells) <= SPARE * 1e6 * megabytes


def within_bytes(branches: list[Branch], megabytes: float | None) -> tuple[list[Branch], list[str]]:
    """The branches of which, or of whose further cuts, some cell may have at most so many megabytes; and the names of the others.

    The teacher stays, since every drop is below it.
    """
    if megabytes is None:
        return branches, []
    wanted = {one.name for one in branches if may_have(one, megabytes)} | {"teacher"}
    for one in reversed(branches):  # parents come first
        wanted |= {one.parent} if one.name in wanted and one.parent else set()
    return [one for one in branches if one.name in wanted], [one.name for one in branches if one.name not in wanted]


def fewer(branches: list[Branch]) -> tuple[list[Branch], list[str]]:
    """At most MOST_CELLS cells, as far as leaving out kinds of tails does it; and the names of the cells that are left out."""
    for left_out in ((), *_FEWER):
        kept = [replace(one, cells=tuple(cell for cell in one.cells if _stays(one, cell, left_out))) for one in branches]
        if sum(len(one.cells) for one in kept) <= MOST_CELLS:
            break
    names = {cell.name for one in kept for cell in one.cells}
    return kept, [cell.name for one in branches for cell in one.cells if cell.name not in names]


def _stays(branch: Branch, cell: Cell, left_out: tuple[str, ...]) -> bool:
    tail = cell.name.removeprefix(branch.name).removeprefix("_")
    return cell.name == "teacher" or branch.static or tail not in left_out
