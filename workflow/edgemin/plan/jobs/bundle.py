"""Jobs that choose what to ship, and make it into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.files import read_json
from edgemin.plan.cascade_files import cascade_files
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.paths import BUNDLE, inside
from edgemin.study import registry, rows
from edgemin.study.chains import one_of
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.pins import described


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
        return self.paths.below(self.folder)

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
            **({"verdict": self.paths.verdict(task, at.cell)} if self.plan.accepted_against(at.cell) else {}),
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
            "batch_invariant": self.plan.batch_invariant(chain),
            "sources": self.sources(task, at.cell),
            "command": f"snakemake --cores all {folder}/model.onnx",  # its card names the study's file too
        }

    def sources(self, task: str, cell: str) -> list[str]:
        """A line for each origin of a cell's model."""
        study, chain = self.study, self.study.chain(cell)
        sources: dict[str, Any] = {"teacher": study.teacher.source, f"data of task {task}": study.tasks[task].source}
        for link in chain.prefixes[1:]:
            variant = study.variant(link)
            if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
                sources[f"student of {link.last}"] = variant.student.source
            if name := getattr(variant, "transfer", None):
                for number, unlabelled in enumerate(study.transfer[name].unlabelled, 1):
                    sources[f"unlabelled text {number} of {name}"] = unlabelled.source
        return [f"{what}: {described(source)}" for what, source in sources.items()]

    def roots(self, at: Any) -> tuple[str, ...]:
        return (
            "edgemin.deploy.predict",
            "edgemin.deploy.rows",
            "edgemin.deploy.cpu",
            "edgemin.deploy.bench",
            f"{self.kind(self.task(at))}.answer",
        )

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(self.task(at)),)

    def files(self) -> list[str]:
        """Of every bundle of `deploy`, cascades too; unless the study names some, of the last row of its stage-wise table in ONNX Runtime."""
        cells = self.study.deploy or self.study.blocks("stagewise").get("onnxruntime", [])[-1:]
        return [file for task in self.study.tasks for cell in cells for file in self._of(task, cell)]

    @property
    def why(self) -> str:
        """The reason why these cells are bundled."""
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
        """Of the bundles of a cell, or of a cascade: one for each seed."""
        if cell in self.study.cascades:
            return cascade_files(self.plan, task, cell)
        return [file for seed in self.study.seeds for file in inside(self.plan.bundle(task, cell, seed), BUNDLE)]
