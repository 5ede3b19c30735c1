"""A study: one YAML file, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from edgemin.core.errors import EdgeminError
from edgemin.study import checks, registry
from edgemin.study.acceptance import Acceptance
from edgemin.study.base import AsBefore, LocalPath, Name, Seed, Strict
from edgemin.study.cascade import Cascade
from edgemin.study.cells import Cell, Grid, expand
from edgemin.study.chains import Chain
from edgemin.study.distilling import Distill, Teacher
from edgemin.study.floor import AnyBaseline
from edgemin.study.measuring import Latency, LayerSensitivity, Sensitivity, TeacherCache, Threads
from edgemin.study.recommend import Recommend
from edgemin.study.static import StaticStudent
from edgemin.study.table import BlockTable, RuntimeName
from edgemin.study.tables import PageTable, Tables
from edgemin.study.task import Task
from edgemin.study.transfer import Transfer
from edgemin.study.variants import AnyPrune, AnyQuantize

_FEW = 20
"""As many names can be read in a message."""


def _written_out(named: Any, whole: Callable[[str, Any], Any]) -> Any:
    """What may be written in short, in whole. Whatever is no mapping stays, to be refused."""
    return {name: whole(name, one) for name, one in named.items()} if isinstance(named, Mapping) else named


class Study(Strict):
    """All that a study says."""

    study: Name
    """Name of the study and of its folder under `results/`."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """The data."""
    teacher: Teacher
    """The root of every chain."""
    transfer: dict[Name, Transfer] = {}
    """Sets of texts to distil on."""
    distill: dict[Name, Distill] = {}
    """Variants of Stage 1."""
    prune: dict[Name, AnyPrune] = {}
    """Variants of Stage 2."""
    quantize: dict[Name, AnyQuantize] = {}
    """Variants of Stage 3."""
    baselines: Annotated[dict[Name, AnyBaseline], AsBefore({})] = {}
    """Models without a transformer, the first rows of the tables. `tfidf: {}` is short for `tfidf: {baseline: tfidf}`."""
    cells: Annotated[dict[Name, Cell], Field(min_length=1)]
    """The rows of the tables."""
    cross: dict[Name, Grid] = {}
    """Grids of chains, each a cell."""
    cascades: Annotated[dict[Name, Cascade], AsBefore({})] = {}
    """Cells and baselines that answer one after another. `fast: [tfidf, kd, teacher]` is short for `fast: {members: [tfidf, kd, teacher]}`."""
    tables: Tables = Tables()
    """Which cells are in which table."""
    page: list[PageTable] = ["stagewise"]
    """Tables on the study's page, in their order; the cells that they list are built by default. Empty: no page, and the tables that the study lists are made by default."""
    recommend: Recommend | None = None
    """Limits of what may be shipped; the recommendation is then made by default."""
    acceptance: Acceptance | None = Acceptance()
    """How far a quantized cell may be from its float parent; `null`: no cell is judged ([docs](../docs/acceptance.md))."""
    sensitivity: Sensitivity | None = None
    """Pruning sweeps: many ratios, by one score."""
    layer_sensitivity: LayerSensitivity | None = None
    """Which layers suffer from INT8."""
    deploy: list[Name] = []
    """Cells and cascades that the target `deploy` makes bundles of. Empty: the cell that `recommend` chooses, or without that key the last row of the stage-wise table in ONNX Runtime."""
    seeds: Annotated[list[Seed], Field(min_length=1)]
    """Every chain is trained once per seed: `[0, 1, 2]`."""
    runtimes: Annotated[list[RuntimeName], Field(min_length=1)] = ["onnxruntime", "torch"]
    """Runtimes in which float chains are measured; a quantized chain is measured in its backend's."""
    threads: Threads = Threads()
    """CPU threads of jobs."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of training. `auto`: bf16 autocast where the device computes in it, else fp32."""
    latency: Latency = Latency()
    """How latency is measured."""
    teacher_cache: TeacherCache = TeacherCache()
    """What is kept of a teacher's signals."""
    record: LocalPath | None = None
    """Folder of finished seeds, to keep with the code. `record` adds the seeds of this machine. Seeds that the same jobs measured elsewhere are read from it."""

    @field_validator("cells", mode="before")
    @classmethod
    def _bare_chains(cls, cells: Any) -> Any:
        """`kd: teacher/distill-minilmv2` is short for `kd: {chain: teacher/distill-minilmv2}`."""
        return _written_out(cells, lambda _, cell: {"chain": cell} if isinstance(cell, str) else cell)

    @field_validator("baselines", mode="before")
    @classmethod
    def _bare_baselines(cls, baselines: Any) -> Any:
        return _written_out(baselines, lambda name, one: {"baseline": name, **one} if isinstance(one, Mapping) else one)

    @field_validator("cascades", mode="before")
    @classmethod
    def _bare_members(cls, cascades: Any) -> Any:
        return _written_out(cascades, lambda _, one: {"members": one} if isinstance(one, list) else one)

    @model_validator(mode="after")
    def _crossed(self) -> Study:
        """Add the cells of grids to the cells. In tables, replace the name of a grid by its cells."""
        for name, grid in self.cross.items():
            if name in self.cells:
                raise ValueError(f"cross.{name}: is the name of a cell too; rename one")
            try:
                new_cells = expand(name, grid, {cell: spec.chain for cell, spec in self.cells.items()})
            except EdgeminError as error:
                raise ValueError(str(error)) from None
            self.cells.update({cell: Cell(chain=chain) for cell, chain in new_cells.items() if cell not in self.cells})
            self._name_cells_of_grid(name, list(new_cells))
        return self

    def _name_cells_of_grid(self, name: str, grid_cells: list[str]) -> None:
        """In tables of blocks, replace the name of a grid by its cells."""
        for table in registry.TABLES.all().values():
            for first, cells in table.settings(self).items() if isinstance(table, BlockTable) else ():
                new = [one for cell in cells for one in (grid_cells if cell == name else [cell])]
                cells[:] = [cell for cell in dict.fromkeys(new) if cell != first]

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if problems := checks.problems(self):
            raise ValueError("; ".join(problems))
        return self

    def variants(self) -> dict[str, Mapping[str, Any]]:
        """Stage -> its variants."""
        return {"distill": self.distill, "prune": self.prune, "quantize": self.quantize}

    def variant(self, chain: Chain) -> Any:
        """The variant of the chain's last link."""
        assert chain.last is not None
        return self.variants()[chain.last.stage][chain.last.variant]

    def times(self, seed: int) -> bool:
        """Whether the latency of this seed is measured."""
        return seed in self.seeds[: self.latency.seeds]

    def chain(self, cell: str) -> Chain:
        return Chain.parse(self.cells[cell].chain)

    def chains(self) -> list[Chain]:
        """Every chain of every cell, prefixes included, each once, parents first."""
        return list(dict.fromkeys(prefix for cell in self.cells for prefix in self.chain(cell).prefixes))

    def static(self, chain: Chain) -> bool:
        """Whether a chain's model is a static student, perhaps quantized."""
        found = [self.variant(link) for link in chain.prefixes if link.last is not None and link.last.stage == "distill"]
        return bool(found) and isinstance(found[-1].student, StaticStudent)

    def runtimes_of(self, chain: Chain) -> list[str]:
        """The runtimes in which a chain is measured: of a static student those that run graphs."""
        if chain.quantized:
            return [self.variant(chain).backend]
        return [name for name in self.runtimes if registry.RUNTIMES[name].graph or not self.static(chain)]

    def blocks(self, table: str) -> dict[str, list[str]]:
        """Runtime -> cells of a table that has such blocks."""
        blocks: dict[str, list[str]] = registry.TABLES[table].blocks(self)
        return blocks

    def hidden_baselines(self) -> list[str]:
        """Baselines that plots do not show."""
        return [name for name, baseline in self.baselines.items() if not baseline.drawn]

    def page_tables(self) -> list[str]:
        """The tables on the study's page: those that it lists, and those that join them."""
        joining = [name for name, table in registry.TABLES.all().items() if self.page and table.joins_page(self)]
        return list(dict.fromkeys([*self.page, *joining]))

    def default_tables(self) -> list[str]:
        """The tables that are made without being asked for by name."""
        tables = registry.TABLES.all().items()
        if self.page:
            return [name for name, table in tables if table.made_by_default(self) or name in self.page_tables()]
        return [name for name, table in tables if table.listed(self) or (table.made_by_default(self) and not table.by_default)]

    def default_cells(self) -> list[str]:
        """Default cells: every cell except those used only by tables that are not made by default."""
        tables, made = registry.TABLES.all(), self.default_tables()
        default = {cell for name in made for cell in tables[name].cells(self)}
        counted = [table for table in tables.values() if self.page or table.listed(self)]
        optional = {cell for table in counted for cell in table.cells(self)}
        return [cell for cell in self.cells if cell in default or cell not in optional]

    def no_cell(self, key: str, name: str) -> str:
        """The error message for a name that is no cell: of many cells it tells those with the nearest names."""
        known = list(self.cells) if len(self.cells) <= _FEW else get_close_matches(name, self.cells, n=5, cutoff=0)
        return f"{key}: '{name}' is not a cell; {'known' if len(known) == len(self.cells) else 'nearest'}: {', '.join(known)}"
