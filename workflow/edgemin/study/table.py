"""A table and a plot of a study: its key in the study, the cells that it lists, the inputs and the work of its job.

A table is one file in `report.tables`, a plot a folder in `report.plots`. Planning reads them, so they import pandas only inside methods.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from edgemin.study import registry
from edgemin.study.base import Name, refuses
from edgemin.study.chains import ROOT

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study

    RuntimeName = str
else:
    RuntimeName = Literal[registry.RUNTIMES.names()]

Cells = Annotated[list[Name], Field(min_length=1)]


class Table:
    """One table."""

    name: ClassVar[str]
    title: ClassVar[str]
    caption: ClassVar[str]
    """Of its files in Snakemake's report."""
    key: ClassVar[Any] = None
    """Type of what a study says of it, under `tables`; None: nothing."""
    default: ClassVar[Any] = {}
    """The default value of its key."""
    meaning: ClassVar[str] = ""
    """Of the key, for the reference of keys."""
    forms: ClassVar[tuple[str, ...]] = ("csv", "md", "tex", "json")
    """Files that it writes: CSV has numbers as they are, the others what is read."""
    page_form: ClassVar[str] = "json"
    """The form that the page shows."""
    by_default: ClassVar[bool] = False
    """Whether it is made of every study, and its cells are built, without being asked for."""
    anyway: ClassVar[bool] = False
    """Whether it can be made of a study that says nothing of it."""

    def settings(self, study: Study) -> Any:
        """The study's settings of this table."""
        return getattr(study.tables, self.name)

    def declared(self, study: Study) -> bool:
        """Whether the study configures it."""
        return bool(self.settings(study))

    def listed(self, study: Study) -> bool:
        """Whether the study has its key under `tables`."""
        return self.key is not None and bool(self.settings(study))

    def on_page(self, study: Study) -> bool:
        """Whether the page can have it."""
        return self.anyway or self.declared(study)

    def joins_page(self, study: Study) -> bool:
        """Whether it is on the page of a study that does not list it there."""
        return False

    def made_by_default(self, study: Study) -> bool:
        """Whether it is made without being asked for by name."""
        return self.by_default

    def cells(self, study: Study) -> list[str]:
        """The cells that it lists."""
        return []

    def runtime(self, study: Study) -> str | None:
        """The one runtime that it compares in; None if its rows say theirs."""
        return None

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        """Problems of the study's settings of this table."""
        yield from ()

    def spec(self, plan: Plan) -> dict[str, Any]:
        """The spec of its job: `rows`, or `blocks` of rows."""
        raise NotImplementedError

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        """The files that its job reads for one seed of a row."""
        return measured_files(row)

    def extras(self, plan: Plan) -> list[dict[str, Any]]:
        """What it reads beside its rows, and can do without: `file` of each, and what that is of. Those that are there are `extras` of its job's spec."""
        return []

    def without(self, spec: Mapping[str, Any], cells: Container[str]) -> dict[str, Any]:
        """A spec without these cells. A block whose first cell is among them goes altogether, since the others are compared with it."""
        if "blocks" not in spec:
            return {**spec, "rows": [row for row in spec["rows"] if row["cell"] not in cells]}
        blocks = [block for block in spec["blocks"] if block["rows"][0]["cell"] not in cells]
        kept = [{name: [row for row in one[name] if row["cell"] not in cells] for name in ROWS if name in one} for one in blocks]
        return {**spec, "blocks": [{**one, **rows} for one, rows in zip(blocks, kept, strict=True)]}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        """Write {name}.{form} for each of `forms` to the folder. Raises EdgeminError if there is nothing to write."""
        raise NotImplementedError


COUNTED = {"smaller": "bytes", "fewer": "logical"}
"""By what cells are compared -> what is counted of it in size.json."""
LATENCY = "latency.json"
MEASUREMENTS = ("quality.json", "predictions.parquet", "size.json", LATENCY)


ROWS = ("floor", "rows")
"""Of a block: its baselines, if it has any, and its cells."""


def measured_files(row: Mapping[str, Any]) -> list[str]:
    """All that was measured of a seed of a row."""
    return [f"{row['folder']}/{name}" for name in measured_of(row.get("timed", True))]


def measured_of(timed: bool) -> tuple[str, ...]:
    """The files of a seed whose latency is measured, or is not."""
    return MEASUREMENTS if timed else tuple(name for name in MEASUREMENTS if name != LATENCY)


def rows_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The baselines and cells of a table, whether it has blocks or not."""
    return [row for block in spec.get("blocks", [spec]) for name in ROWS for row in block.get(name, ())]


def seeds_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The seeds of all cells of a table."""
    return [seed for row in rows_of(spec) for seed in row["seeds"]]


class RuntimeTable(Table):
    """Rows by runtime, the teacher among them."""

    key = dict[RuntimeName, Cells]

    def blocks(self, study: Study) -> dict[str, list[str]]:
        """Runtime -> cells; the teacher first, wherever it is listed: ratios and changes of a block are against its first row."""

        def is_another(cell: str) -> bool:
            return cell not in study.cells or study.cells[cell].chain != ROOT

        return {str(runtime): sorted(cells, key=is_another) for runtime, cells in self.settings(study).items()}

    def cells(self, study: Study) -> list[str]:
        return [cell for cells in self.blocks(study).values() for cell in cells]

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        for runtime, cells in self.blocks(study).items():
            key = f"tables.{self.name}.{runtime}"
            known = [cell for cell in cells if cell in study.cells]
            yield from (study.no_cell(key, cell) for cell in cells if cell not in study.cells)
            for cell in known:
                if runtime not in study.runtimes_of(study.chain(cell)):
                    yield f"{key}: cell '{cell}' is not measured in {runtime}"
            if not any(study.cells[cell].chain == ROOT for cell in known):
                yield f"{key}: lists no cell with the chain '{ROOT}', the reference"


class BlockTable(Table):
    """Blocks of cells, each compared with the first of its block. The name of a grid is replaced by its cells."""

    key = dict[Name, Cells]

    def cells(self, study: Study) -> list[str]:
        return [cell for first, cells in self.settings(study).items() for cell in (first, *cells)]

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        for first, cells in self.settings(study).items():
            key = f"tables.{self.name}.{first}"
            for cell in (first, *cells):
                if cell not in study.cells:
                    yield study.no_cell(key, cell)
                elif problem := self.problem(study, first, cell):
                    yield f"{key}: {problem}"

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        """The reason why a cell cannot be in the block of `first` (possibly the same cell). `first` may be no cell."""
        return None


def common_runtime(study: Study, cells: Iterable[str]) -> str | None:
    """The first of the study's runtimes in which all cells are measured."""
    chains = [study.chain(cell) for cell in cells]
    names = dict.fromkeys([*study.runtimes, *(name for chain in chains for name in study.runtimes_of(chain))])
    return next((name for name in names if all(name in study.runtimes_of(chain) for chain in chains)), None)


@refuses
def not_together(study: Study, key: str, cells: Sequence[str]) -> Iterator[str]:
    """What keeps cells from being compared with each other: names of no cell, or no runtime in which all are measured. key: that names them."""
    missing = [cell for cell in cells if cell not in study.cells]
    yield from (study.no_cell(key, cell) for cell in missing)
    if not missing and common_runtime(study, cells) is None:
        yield f"{key}: cells {', '.join(cells)} are measured in no runtime together"


@refuses
def in_first_runtime(study: Study, cell: str) -> str | None:
    """A problem unless the cell is measured in the first of the study's runtimes."""
    first = study.runtimes[0]
    if first in study.runtimes_of(study.chain(cell)):
        return None
    return f"cell '{cell}' is not measured in {first}, the first of runtimes, in which this table compares"


class Plot:
    """One plot: a PNG and an SVG file."""

    name: ClassVar[str]
    label: ClassVar[str]
    """Of its files in Snakemake's report."""
    caption: ClassVar[str]
    by_default: ClassVar[bool] = False

    def declared(self, study: Study) -> bool:
        """Whether the study configures it."""
        return True

    def files(self, plan: Plan) -> list[str]:
        """The files that its job reads."""
        raise NotImplementedError

    def spec(self, plan: Plan) -> dict[str, Any]:
        """Further entries of its job's spec."""
        return {}

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        """Write the outputs."""
        raise NotImplementedError
