"""Jobs that make tables, plots, the page and bundles of what was measured. Their files have no wildcards but a bundle's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.files import read_json
from edgemin.plan import page
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.paths import BUNDLE, inside
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records
from edgemin.study import registry, rows
from edgemin.study.base import spec_of
from edgemin.study.chains import one_of
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.pins import described
from edgemin.study.table import Plot, Table, measured_files, rows_of


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
        found: dict[str, Any] = spec_of(self.study)
        return found


class Report(Job):
    """Of measurements, which are made here or taken from a record."""

    timed = False

    def __init__(self, plan: Plan, records: Records) -> None:
        super().__init__(plan)
        self.records = records

    def read(self) -> Inputs:
        """Its input files where this study would make them."""
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """What its result depends on, likewise."""
        raise NotImplementedError

    def inputs(self, at: Any) -> Inputs:
        found: Inputs = self._placed(self.read())
        return found

    def about(self, at: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._placed(self.told())
        return found

    def _placed(self, value: Any) -> Any:
        """As it is if some file is not on record: within a seed nothing is compared with what was made elsewhere."""
        return self.records.placed(value) if self.records.hold(self.read()) else value


class CollectResults(Report):
    """One long table of every measured number of every default cell."""

    rule = "collect_results"
    place = "report/results"

    @property
    def outputs(self) -> list[str]:
        return [self.paths.table("results")]

    def read(self) -> Inputs:
        return {"measured": [file for row in rows.result_rows(self.plan) for file in measured_files(row)]}

    def told(self) -> dict[str, Any]:
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
    """One of the registered tables."""

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
        seeds = [seed for row in rows_of(self.table.spec(self.plan)) for seed in row["seeds"]]
        return {"measured": list(dict.fromkeys(file for seed in seeds for file in self.table.needs(seed)))}

    def told(self) -> dict[str, Any]:
        return {"table": self.table.name, **self.table.spec(self.plan)}

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

    def told(self) -> dict[str, Any]:
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

    def told(self) -> dict[str, Any]:
        return {**page.spec(self.plan), "templates": page.templates()}

    def roots(self, at: Any) -> tuple[str, ...]:
        return scores_of(self.plan)

    def settings(self, at: Any) -> tuple[str, ...]:
        return *kinds_of(self.plan), *(registry.RUNTIMES.module(name) for name in measured_in(self.plan))


class ChooseCell(Job):
    """Which cell the recommendation is for, as a file that rules can read."""

    rule = "choose_cell"
    place = "report/choose_cell"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [self.paths.chosen]

    @property
    def problem(self) -> str | None:
        """Why there is nothing to choose from: the job says so at once, and nothing is built for it."""
        wanted = self.study.recommend
        if wanted is None:
            return "recommend: without this key no cell is recommended; add limits, or name cells of onnxruntime under `deploy`"
        if not registry.RUNTIMES[wanted.runtime].bundles:
            return (
                f"recommend.runtime: no bundle runs in {wanted.runtime}; recommend in onnxruntime, or name cells under `deploy`"
            )
        return None

    def about(self, at: Any) -> dict[str, Any]:
        return {"problem": self.problem}

    def inputs(self, at: Any) -> Inputs:
        if self.problem:
            return {}
        return {"table": self.paths.table("recommendation")}


class MakeBundle(Job):
    """A folder that runs without this project."""

    rule = "make_bundle"
    timed = False

    @property
    def folder(self) -> str:
        return self.plan.bundle("{task}", "{cell}", "{seed}")

    @property
    def place(self) -> str:  # type: ignore[override]
        return self.folder.removeprefix(f"{self.paths.root}/")

    @property
    def outputs(self) -> list[str]:
        return inside(self.folder, BUNDLE)

    def own_constraints(self) -> dict[str, str]:
        return {"cell": one_of(self.study.cells)}

    def task(self, at: Any) -> str:
        """With one task only, its name is not in the path."""
        return str(at.get("task", next(iter(self.study.tasks))))

    def inputs(self, at: Any) -> Inputs:
        task, chain, runtime = self.task(at), self.study.chain(at.cell), self.plan.bundled_runtime(at.cell)
        measured = self.paths.measured(task, at.seed, chain, runtime)
        return {
            "model": self.plan.artefact(task, at.seed, chain, runtime),
            "measured": inside(measured, ("quality.json", "size.json", "latency.json")),
            "data": self.paths.data_files(task),
        }

    def about(self, at: Any) -> dict[str, Any]:
        study, task, chain = self.study, self.task(at), self.study.chain(at.cell)
        folder = self.plan.bundle(task, at.cell, at.seed)
        return {
            "study": study.study,
            **rows.judged(self.plan, task),
            "cell": at.cell,
            "seed": int(at.seed),
            "chain": str(chain),
            "max_length": study.tasks[task].max_length,
            "sources": [f"{what}: {described(source)}" for what, source in self._sources(task, at.cell).items()],
            "command": f"snakemake --cores all {folder}/model.onnx",  # its card names the study's file too
        }

    def _sources(self, task: str, cell: str) -> dict[str, Any]:
        """What a model is made of, in words -> source."""
        study, chain = self.study, self.study.chain(cell)
        sources: dict[str, Any] = {"teacher": study.teacher.source, f"data of task {task}": study.tasks[task].source}
        for link in chain.prefixes[1:]:
            variant = study.variant(link)
            if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
                sources[f"student of {link.last}"] = variant.student.source
            if name := getattr(variant, "transfer", None):
                for number, unlabelled in enumerate(study.transfer[name].unlabelled, 1):
                    sources[f"unlabelled text {number} of {name}"] = unlabelled.source
        return sources

    def roots(self, at: Any) -> tuple[str, ...]:
        return "edgemin.deploy.predict", f"{self.kind(self.task(at))}.answer"

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(self.task(at)),)

    def files(self) -> list[str]:
        """Of every bundle of `deploy`; unless the study says which cells, of the last row of its stage-wise table in ONNX Runtime."""
        cells = self.study.deploy or self.study.blocks("stagewise").get("onnxruntime", [])[-1:]
        return [file for task in self.study.tasks for cell in cells for file in self._of(task, cell)]

    @property
    def why(self) -> str:
        """Those cells."""
        return "named under `deploy`" if self.study.deploy else "the last row of the stage-wise table in ONNX Runtime"

    @property
    def follows_recommendation(self) -> bool:
        """Whether what is recommended is shipped: unless cells are named, and where bundles run in the runtime that was asked about."""
        wanted = self.study.recommend
        return wanted is not None and not self.study.deploy and registry.RUNTIMES[wanted.runtime].bundles

    def chosen(self, file: str) -> list[str]:
        """Of the cells that `choose_cell` has written to its file."""
        cells: dict[str, str] = read_json(Path(file))
        return [one for task, cell in cells.items() for one in self._of(task, cell)]

    def _of(self, task: str, cell: str) -> list[str]:
        """Of a cell's bundles, one for each seed."""
        return [file for seed in self.study.seeds for file in inside(self.plan.bundle(task, cell, seed), BUNDLE)]
