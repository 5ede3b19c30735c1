"""Jobs that make tables, plots and the page of what was measured. Their files have no wildcards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from edgemin.plan import page
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records
from edgemin.study import registry, rows
from edgemin.study.base import spec_of
from edgemin.study.table import Plot, Table, measured_files, seeds_of


class WriteStudy(Job):
    """The effective study beside its results."""

    rule = "write_study"
    place = "study"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [self.paths.effective_study]

    def inputs(self, at: Any) -> Inputs:
        return {}

    def spec(self, wildcards: Any) -> dict[str, Any]:
        spec: dict[str, Any] = spec_of(self.study)
        return spec


class Report(Job):
    """A job that reads measurements, which are made here or taken from a record."""

    timed = False

    def __init__(self, plan: Plan, records: Records) -> None:
        super().__init__(plan)
        self.records = records

    @abstractmethod
    def read(self) -> Inputs:
        """Its input files, at the paths where this study would make them."""

    def extras(self) -> Inputs:
        """Further input files, at the same paths, which it can do without."""
        return {}

    @abstractmethod
    def contents(self) -> dict[str, Any]:
        """The settings that its result depends on, with the same paths."""

    def inputs(self, at: Any) -> Inputs:
        files = {**self.read(), **self._added()}
        inputs: Inputs = self.records.for_reading(files, files)
        return inputs

    def _added(self) -> Inputs:
        """Of `extras` what it does read."""
        extras = {name: list(filter(self.records.reads, listed(files))) for name, files in self.extras().items()}
        return {name: files for name, files in extras.items() if files}

    def about(self, at: Any) -> dict[str, Any]:
        contents: dict[str, Any] = self.records.for_reading(self.contents(), {**self.read(), **self._added()})
        return contents


class CollectResults(Report):
    """One long table of every measured number of every default cell."""

    rule = "collect_results"
    place = "report/results"

    @property
    def outputs(self) -> list[str]:
        return [self.paths.table("results")]

    def read(self) -> Inputs:
        return {"measured": [file for row in rows.result_rows(self.plan) for file in measured_files(row)]}

    def contents(self) -> dict[str, Any]:
        return {"rows": rows.result_rows(self.plan)}

    def settings(self, at: Any) -> tuple[str, ...]:
        return kinds_of(self.plan)


def kinds_of(plan: Plan) -> tuple[str, ...]:
    """Modules of the kinds of the study's tasks."""
    return tuple(sorted({registry.KINDS.module(task.asks.name) for task in plan.study.tasks.values()}))


def scores_of(plan: Plan) -> tuple[str, ...]:
    """And of how they judge answers."""
    return tuple(f"{kind}.scores" for kind in kinds_of(plan))


class WriteTable(Report):
    """One of the registered tables, with the verdicts on the quantized cells that it shows."""

    def __init__(self, plan: Plan, records: Records, table: Table) -> None:
        super().__init__(plan, records)
        self.table = table
        self.rule, self.place = f"table_{table.name}", f"report/{table.name}"

    @property
    def script(self) -> str:
        return "write_table"

    @property
    def outputs(self) -> dict[str, str]:
        return {form: self.paths.table(self.table.name, form) for form in self.table.forms}

    def read(self) -> Inputs:
        seeds = seeds_of(self.table.spec(self.plan))
        files = dict.fromkeys(file for seed in seeds for file in self.table.needs(seed))
        return {"measured": list(files), **self._verdicts(seeds)}

    def extras(self) -> Inputs:
        return {"extras": [one["file"] for one in self.table.extras(self.plan)]}

    def contents(self) -> dict[str, Any]:
        spec = self.table.spec(self.plan)
        extras = self.beside()
        added = {"extras": extras} if extras else {}
        return {"table": self.table.name, **spec, **added, **self._verdicts(seeds_of(spec))}

    def beside(self) -> list[dict[str, Any]]:
        """What it reads beside its rows: those of `Table.extras` that are made here or on record."""
        return [one for one in self.table.extras(self.plan) if self.records.reads(one["file"])]

    def _verdicts(self, seeds: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
        """`acceptance`: files; nothing where none is judged. Answers are read for them only if they are measured anyway."""
        answered = set(self.study.default_cells()) if self.study.page else set()
        cells = {
            (one["task"], one["cell"]): None
            for one in seeds
            if one.get("cell") in self.study.cells
            and (one["cell"] in answered or any(file.endswith("/predictions.parquet") for file in self.table.needs(one)))
        }
        files = [self.paths.verdict(task, cell) for task, cell in cells if self.plan.accepted_against(cell)]
        return {"acceptance": files} if files else {}

    def roots(self, at: Any) -> tuple[str, ...]:
        return registry.TABLES.module(self.table.name), *scores_of(self.plan)

    def settings(self, at: Any) -> tuple[str, ...]:
        return kinds_of(self.plan)


class DrawPlot(Report):
    """One of the registered plots."""

    def __init__(self, plan: Plan, records: Records, plot: Plot) -> None:
        super().__init__(plan, records)
        self.plot = plot
        self.rule, self.place = f"plot_{plot.name}", f"report/plot_{plot.name}"

    @property
    def script(self) -> str:
        return "draw_plot"

    @property
    def outputs(self) -> dict[str, str]:
        return {form: self.paths.plot(self.plot.name, form) for form in ("png", "svg")}

    def read(self) -> Inputs:
        return {"files": self.plot.files(self.plan)}

    def contents(self) -> dict[str, Any]:
        return {"plot": self.plot.name, **self.plot.spec(self.plan)}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (registry.PLOTS.module(self.plot.name),)

    def settings(self, at: Any) -> tuple[str, ...]:
        runtimes = tuple(registry.RUNTIMES.module(name) for name in measured_in(self.plan))
        return *kinds_of(self.plan), *runtimes


def measured_in(plan: Plan) -> list[str]:
    """Every runtime that some cell is measured in."""
    chains = [plan.study.chain(cell) for cell in plan.study.cells]
    return sorted({runtime for chain in chains for runtime in plan.study.runtimes_of(chain)})


class WritePage(Report):
    """One file to open in a browser, without a network."""

    rule = "page"
    place = "report/page"

    @property
    def script(self) -> str:
        return "write_page"

    @property
    def outputs(self) -> list[str]:
        return [self.paths.page]

    def read(self) -> Inputs:
        return page.files(self.plan)

    def contents(self) -> dict[str, Any]:
        return {**page.spec(self.plan), "templates": page.templates()}

    def roots(self, at: Any) -> tuple[str, ...]:
        return scores_of(self.plan)

    def settings(self, at: Any) -> tuple[str, ...]:
        plots = (registry.PLOTS.module(name) for name in page.PLOTS)  # their captions
        return *kinds_of(self.plan), *(registry.RUNTIMES.module(name) for name in measured_in(self.plan)), *plots
