"""What of a space stays: cells that may have few enough megabytes, and not too many of them."""

from __future__ import annotations

from dataclasses import replace

from edgemin.compressing.branch import Branch, Cell

MOST_CELLS = 18
SPARE = 1.15
"""Estimates of bytes are a few per cent off; the number of tokens that texts use is a guess where there is no tokenizer yet."""
_FEWER = ((), ("",), ("vocabulary",), ("", "vocabulary"))
"""Tails that are left out of a space that is too large, as little as is enough; the teacher itself and static students are always there."""


def may_have(branch: Branch, megabytes: float) -> bool:
    """Whether some cell of it has at most so many, as far as estimates go."""
    return any(_may_fit(cell, megabytes) for cell in branch.cells)


def _may_fit(cell: Cell, megabytes: float) -> bool:
    return cell.bytes <= SPARE * 1e6 * megabytes


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


def fewer(branches: list[Branch], megabytes: float | None = None) -> tuple[list[Branch], list[str], list[str]]:
    """At most MOST_CELLS cells, as far as leaving some out does it: first those that are too large, the teacher's aside, then kinds of tails. And the
    names of the cells that are left out as too large, and of the others."""
    small = branches
    if megabytes is not None and _count(branches) > MOST_CELLS:
        small = [
            one if one.name == "teacher" else _with(one, [cell for cell in one.cells if _may_fit(cell, megabytes)])
            for one in branches
        ]
    for left_out in _FEWER:
        kept = [_with(one, [cell for cell in one.cells if _stays(one, cell, left_out)]) for one in small]
        if _count(kept) <= MOST_CELLS:
            break
    return kept, _left_out(branches, small), _left_out(small, kept)


def _left_out(before: list[Branch], after: list[Branch]) -> list[str]:
    """Names of the cells that are not there any more."""
    names = {cell.name for one in after for cell in one.cells}
    return [cell.name for one in before for cell in one.cells if cell.name not in names]


def _with(branch: Branch, cells: list[Cell]) -> Branch:
    return replace(branch, cells=tuple(cells))


def _count(branches: list[Branch]) -> int:
    return sum(len(one.cells) for one in branches)


def _stays(branch: Branch, cell: Cell, left_out: tuple[str, ...]) -> bool:
    tail = cell.name.removeprefix(branch.name).removeprefix("_")
    return cell.name == "teacher" or branch.static or tail not in left_out
