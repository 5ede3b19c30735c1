"""Which cells and tables a small study keeps: each variant in a cell, each table with a row that it can compare."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.chains import ROOT, Link
from edgemin.study.study import Study
from edgemin.study.table import Table

MEASURED = 5
"""Jobs that a cell costs besides its models: quality, size, a round, latency, and an export."""
GONE = object()
"""What is left of settings that speak of dropped cells alone."""


def covering(study: Study, first: Collection[str], alike: Mapping[Link, str]) -> list[str]:
    """Cells that have every variant of any cell, `first` among them, with few jobs; in the study's order. alike: link -> what it is; of links that
    are the same thing one is enough.

    Greedy: again and again the cell with the most new things for its new jobs.
    """
    kept, order = list(first), list(study.cells)

    def things(cells: Iterable[str]) -> set[str]:
        return {alike[link] for cell in cells for link in study.chain(cell).links}

    def worth(cell: str) -> tuple[float, int]:
        chain, made = study.chain(cell), {prefix for other in kept for prefix in study.chain(other).prefixes}
        jobs = len(set(chain.prefixes) - made) + MEASURED * len(study.runtimes_of(chain))
        return len(things([cell]) - things(kept)) / jobs, -order.index(cell)

    while things(order) - things(kept):
        kept.append(max((cell for cell in order if cell not in kept), key=worth))
    return [cell for cell in order if cell in kept]


def needed(study: Study) -> list[str]:
    """Cells that the study names outside its tables: the teacher, members of cascades, what is swept and scanned, the first that is shipped."""
    named = [cell for cell in study.cells if study.cells[cell].chain == ROOT][:1]
    named += [member for cascade in study.cascades.values() for member in cascade.members if member in study.cells]
    named += [setting.cell for setting in (study.sensitivity, study.layer_sensitivity) if setting]
    return list(dict.fromkeys([*named, *[cell for cell in study.deploy if cell in study.cells][:1]]))


def tables(study: Study, kept: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Settings of every table that the study lists, with kept cells alone; and the cells that had to be added to that end.

    Raises EdgeminError for a table of which no part can be taken.
    """
    cells, settings = list(kept), {}
    for name, table in registry.TABLES.all().items():
        if not table.listed(study):
            continue
        left = reduced(table.settings(study), cells, study.cells)
        if left is GONE or not fits(study, table, left, cells):
            part, more = _part(study, table, cells)
            cells += more
            left = part
        settings[name] = left
    # Cells that came late may be in tables that came early.
    return {name: reduced(registry.TABLES[name].settings(study), cells, study.cells) for name in settings}, cells


def _part(study: Study, table: Table, cells: Collection[str]) -> tuple[Any, list[str]]:
    """The part of a table that adds the fewest cells, and those cells."""
    for part in sorted(parts_of(table.settings(study)), key=lambda part: len(names_in(part, study) - set(cells))):
        more = sorted(names_in(part, study) - set(cells), key=list(study.cells).index)
        if fits(study, table, left := reduced(part, [*cells, *more], study.cells), [*cells, *more]):
            return left, more
    raise EdgeminError(f"tables.{table.name}: no part of it is valid alone; this is a fault of `edgemin smoke`")


def parts_of(settings: Any) -> Iterator[Any]:
    """Parts of a table's settings, each with one entry; of a list of names, its beginnings."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            if isinstance(value, list):
                yield from ({name: value[:count]} for count in range(1, len(value) + 1))
            else:
                yield {name: value}
    elif isinstance(settings, list) and all(isinstance(one, str) for one in settings):
        yield from (settings[:count] for count in range(1, len(settings) + 1))
    elif isinstance(settings, list):
        yield from ([one] for one in settings)


def names_in(value: Any, study: Study) -> set[str]:
    """Cells that settings name."""
    if isinstance(value, str):
        return {value} & set(study.cells)
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return {name for part in parts for name in names_in(part, study)}


def fits(study: Study, table: Table, settings: Any, cells: Collection[str]) -> bool:
    """Whether the table takes these settings in a study of these cells."""
    try:
        type(study.tables).model_validate({table.name: settings})
    except ValueError:
        return False
    small = study.model_copy(
        update={
            "cells": {cell: study.cells[cell] for cell in cells},
            "tables": type(study.tables).model_validate({table.name: settings}),
        }
    )
    return not list(table.problems(small))


def reduced(value: Any, cells: Collection[str], every: Collection[str]) -> Any:
    """Settings as plain types without cells of `every` that are not in `cells`; GONE where nothing is left.

    An entry of a mapping or of a list goes alone; an object of settings goes as a whole, since its keys belong together.
    """
    if isinstance(value, str):
        return GONE if value in every and value not in cells else value
    if isinstance(value, BaseModel):
        given = [name for name in type(value).model_fields if name in value.model_fields_set]
        fields = {name: reduced(getattr(value, name), cells, every) for name in given}
        return GONE if GONE in fields.values() else fields
    if isinstance(value, Mapping):
        entries = {str(name): reduced(one, cells, every) for name, one in value.items() if name not in every or name in cells}
        return {name: one for name, one in entries.items() if one is not GONE} or (GONE if value else {})
    if isinstance(value, list | tuple):
        left = [one for one in (reduced(one, cells, every) for one in value) if one is not GONE]
        return left or (GONE if value else [])
    return value
