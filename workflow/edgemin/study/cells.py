"""Cells: the rows of the tables, each a chain; and grids, which make many in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import Strict
from edgemin.study.chains import ROOT, Chain

NOTHING = "none"


class Cell(Strict):
    """A row of the tables."""

    chain: str
    """Path of links `{stage}-{variant}` from `teacher` on; a bare text as the cell's value means the same."""
    question: str = ""
    """The question that this cell answers; printed on the page."""


class Grid(Strict):
    """Every way of taking one link from each position, in order."""

    base: str = ROOT
    """Chain that all chains of the grid begin with."""
    links: Annotated[list[Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]
    """For each position the links `{stage}-{variant}` to choose from, `none` for no link."""
    exclude: list[Annotated[list[str], Field(min_length=1)]] = []
    """A chain that has all links of one of these lists is left out."""


def expand(name: str, grid: Grid, declared: Mapping[str, str]) -> dict[str, str]:
    """Cells of a grid, cell -> chain, in order. A chain that is `declared` (cell -> chain) keeps the name it has.

    Other cells are called {grid}_{variant}_{variant}. Raises EdgeminError for an invalid chain, links in `exclude`
    that no position offers, a name that is already used, and a grid without cells.
    """
    offered = {link for position in grid.links for link in position}
    for links in grid.exclude:
        if unknown := sorted(set(links) - offered):
            raise EdgeminError(f"cross.{name}.exclude: no position has {', '.join(unknown)}; drop it, or add it to links")
    names = {chain: cell for cell, chain in declared.items()}
    cells: dict[str, str] = {}
    for choice in product(*grid.links):
        links = [link for link in choice if link != NOTHING]
        if any(set(excluded) <= set(choice) for excluded in grid.exclude):
            continue
        try:
            chain = str(Chain.parse("/".join([grid.base, *links])))
        except EdgeminError as error:
            raise EdgeminError(f"cross.{name}: {error}") from None
        cell = names.get(chain) or "_".join([name, *(link.partition("-")[2] for link in links)] if links else [name, "base"])
        if cells.setdefault(cell, chain) != chain or declared.get(cell, chain) != chain:
            raise EdgeminError(f"cross.{name}: the chain '{chain}' would be a second cell '{cell}'; rename the grid or that cell")
    if not cells:
        raise EdgeminError(f"cross.{name}: nothing is left; take something out of exclude")
    return cells
