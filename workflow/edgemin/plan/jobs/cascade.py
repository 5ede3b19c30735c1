"""Jobs that make bundles of cascades: one kind for each, since each has files of its own."""

from __future__ import annotations

from typing import Any

from edgemin.plan.cascade_files import bundle_files, member_files
from edgemin.plan.jobs.base import Inputs
from edgemin.plan.jobs.baselines import FILES
from edgemin.plan.jobs.bundle import MakeBundle
from edgemin.plan.paths import inside
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.cascade_rows import bundling, cascade_block
from edgemin.study.floor import chain_of
from edgemin.study.pins import described
from edgemin.study.table import LATENCY, measured_of


class BundleCascade(MakeBundle):
    """A folder in which the members answer one after another, without this project."""

    def __init__(self, plan: Plan, cascade: str) -> None:
        super().__init__(plan)
        self.cascade, self.rule = cascade, f"bundle_cascade_{cascade}"
        self.members = self.study.cascades[cascade].members

    @property
    def script(self) -> str:
        return "bundle_cascade"

    @property
    def folder(self) -> str:
        return self.plan.bundle("{task}", self.cascade, "{seed}")

    @property
    def outputs(self) -> list[str]:
        return inside(self.folder, bundle_files(self.plan, self.cascade))

    def model(self, task: str, seed: Any, member: str) -> tuple[str, list[str]]:
        """Folder of a member, and the files that are read of it."""
        if member in self.study.baselines:
            folder = self.paths.model(task, seed, chain_of(member))
            return folder, inside(folder, FILES)
        chain = self.study.chain(member)
        files = self.plan.artefact(task, seed, chain, self.plan.bundled_runtime(member))
        return self.paths.model(task, seed, chain), files

    def inputs(self, at: Any) -> Inputs:
        """What is measured of this seed, and of other seeds the times: thresholds are chosen by the mean time of each member."""
        task, block = self.task(at), self.block(at)
        cells = [cell for cell in self.members if cell in self.study.cells]
        verdicts = [self.paths.verdict(task, cell) for cell in cells if self.plan.accepted_against(cell)]
        own = [f"{seed['folder']}/{file}" for row in block["rows"] for seed in row["seeds"] for file in measured_of(timed=False)]
        times = [f"{seed['folder']}/{LATENCY}" for row in block["rows"] for seed in row["timed"]]
        return {
            "models": [file for member in self.members for file in self.model(task, at.seed, member)[1]],
            "measured": list(dict.fromkeys([*own, *times])),
            "data": self.paths.data_files(task),
            **({"verdict": verdicts} if verdicts else {}),
        }

    def about(self, at: Any) -> dict[str, Any]:
        study, task = self.study, self.task(at)
        cells = [cell for cell in self.members if cell in study.cells]
        data = [f"data of task {task}: {described(study.tasks[task].source)}"]  # all that baselines are made from
        sources = [self.sources(task, cell) for cell in cells] or [data]
        return {
            "study": study.study,
            "seed": int(at.seed),
            "block": self.block(at),
            "members": self.opened(at),
            "max_length": study.tasks[task].max_length,
            "batch_invariant": all(self.plan.batch_invariant(study.chain(cell)) for cell in cells),
            "sources": list(dict.fromkeys(line for lines in sources for line in lines)),
            "command": f"snakemake --cores all {self.plan.bundle(task, self.cascade, at.seed)}/bundle.json",
        }

    def opened(self, at: Any) -> list[dict[str, Any]]:
        """What its program opens: of each member the name, the folder of the model, the names of its files, and what it is."""
        task, files = self.task(at), member_files(self.plan, self.cascade)
        return [
            {"name": name, "folder": self.model(task, at.seed, name)[0], "files": files[name], **self._made(name)}
            for name in self.members
        ]

    def _made(self, member: str) -> dict[str, str]:
        """Its chain; of a baseline its kind."""
        if member in self.study.baselines:
            return {"baseline": self.study.baselines[member].baseline}
        return {"chain": str(self.study.chain(member))}

    def block(self, at: Any) -> dict[str, Any]:
        """Of the table, in the runtime of the bundle. Each row has this seed alone, and beside it the seeds that its times are of."""

        def runtime_of(cell: str) -> str:
            measured = self.study.runtimes_of(self.study.chain(cell))
            return next((name for name in bundling() if name in measured), measured[0])

        block = cascade_block(self.plan, self.task(at), self.cascade, runtime_of)
        rows = [
            {
                **row,
                "seeds": [seed for seed in row["seeds"] if seed["seed"] == int(at.seed)],
                "timed": [seed for seed in row["seeds"] if seed.get("timed", True)],
            }
            for row in block["rows"]
        ]
        return {**block, "rows": rows}

    def roots(self, at: Any) -> tuple[str, ...]:
        kind = self.kind(self.task(at))
        copied = tuple(f"edgemin.deploy.{name}" for name in ("predict", "rows", "cpu", "bench", "cascade.model"))
        return *copied, f"{kind}.answer", f"{kind}.scores", *self.programs()

    def programs(self) -> tuple[str, ...]:
        """Modules that answer for members without a transformer."""
        baselines = [self.study.baselines[member].baseline for member in self.members if member in self.study.baselines]
        return tuple(f"{registry.BASELINES.module(one)}.answer" for one in dict.fromkeys(baselines))


def cascade_jobs(plan: Plan) -> dict[str, BundleCascade]:
    """Cascade -> its job."""
    return {name: BundleCascade(plan, name) for name in plan.study.cascades}
