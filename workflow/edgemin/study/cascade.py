"""Cascades: models that answer one after another, the first that is sure enough. Settings, and what is wrong with them in a study."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study.base import Name, Strict
from edgemin.study.chains import ROOT

if TYPE_CHECKING:
    from edgemin.study.study import Study


class Cascade(Strict):
    """Models that answer one after another: a text goes on to the next until one is sure enough; the last answers whatever is left. Trains nothing."""

    members: Annotated[list[Name], Field(min_length=2)]
    """Cells and baselines, the cheapest first; a list as the cascade's value means the same."""
    max_drop: Annotated[float, Field(ge=0, lt=1)] = 0.005
    """How much accuracy a cascade may lose on validation, against its last member alone: 0.005 is half a point."""
    bound: Literal["point", "upper", "interval"] = "upper"
    """What `max_drop` is compared with: the drop itself, its upper 80 % bound, or the upper end of its 95 % interval."""


def teacher_cell(study: Study) -> str | None:
    """The cell that a cascade's speed is compared with: the first one that is the teacher."""
    return next((name for name, cell in study.cells.items() if cell.chain == ROOT), None)


def problems(study: Study) -> Iterator[str]:
    """What is wrong with the study's cascades: one line per problem. Needs nothing but the study."""
    if study.cascades and teacher_cell(study) is None:
        yield f"cascades: their speed is compared with the teacher, and no cell has the chain '{ROOT}'; add one"
    for name, cascade in study.cascades.items():
        key = f"cascades.{name}"
        for kind in ("cell", "baseline"):
            if name in getattr(study, f"{kind}s"):
                yield f"{key}: is the name of a {kind} too; rename one"
        if twice := sorted({member for member in cascade.members if cascade.members.count(member) > 1}):
            yield f"{key}.members: {', '.join(twice)} twice; a member answers once"
        yield from (problem for member in dict.fromkeys(cascade.members) for problem in _member(study, key, member))
        for task, settings in study.tasks.items():
            if not settings.asks.classes:
                kind = settings.asks.name
                yield f"{key}: goes by how sure an answer is of its class, and task {task} is of kind {kind}, which has none; drop it"


def _member(study: Study, key: str, member: str) -> Iterator[str]:
    known = [*study.cells, *study.baselines]
    if member in known:
        if member in study.baselines and not study.baselines[member].drawn:
            yield f"{key}.members: '{member}' answers every text the same, so it is never surer of one than of another; name another"
        return
    if member in study.cascades:
        yield f"{key}.members: '{member}' is a cascade; name its members"
    else:
        near = ", ".join(get_close_matches(member, known, n=3, cutoff=0))
        yield f"{key}.members: '{member}' is neither a cell nor a baseline; nearest: {near}"
