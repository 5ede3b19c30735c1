"""Jobs that judge quantized cells by the answers that are measured of them, and end a run whose ladder has one that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.jobs.report import kinds_of, scores_of
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records
from edgemin.study.base import spec_of
from edgemin.study.chains import one_of
from edgemin.study.rows import judged


class AcceptCell(Job):
    """A quantized cell against its float parent. It reads predictions alone, made here or taken from a record."""

    rule = "accept_cell"
    place = "acceptance/{task}/{cell}"
    timed = False

    def __init__(self, plan: Plan, records: Records) -> None:
        super().__init__(plan)
        self.records = records

    @property
    def cells(self) -> list[str]:
        """The cells that are judged."""
        return [cell for cell in self.study.cells if self.plan.accepted_against(cell)]

    @property
    def outputs(self) -> list[str]:
        return [self.paths.verdict("{task}", "{cell}")]

    def own_constraints(self) -> dict[str, str]:
        return {"cell": one_of(self.cells)}

    def read(self, at: Any) -> Inputs:
        """Predictions of the cell and of its parent, at the paths where this study would make them."""
        seeds = self._seeds(at)
        return {name: [f"{one[name]}/predictions.parquet" for one in seeds] for name in ("folder", "parent")}

    def inputs(self, at: Any) -> Inputs:
        files = self.read(at)
        inputs: Inputs = self.records.for_reading(files, files)
        return inputs

    def about(self, at: Any) -> dict[str, Any]:
        contents = self.contents(at)
        return {**contents, "seeds": self.records.for_reading(contents["seeds"], self.read(at))}

    def contents(self, at: Any) -> dict[str, Any]:
        """What is judged, at the paths where this study would make it."""
        assert self.study.acceptance is not None
        chain, (parent, runtime) = self.study.chain(at.cell), self._against(at)
        return {
            **judged(self.plan, at.task),
            "cell": at.cell,
            "chain": str(chain),
            "runtime": self.study.runtimes_of(chain)[0],
            "parent": {"chain": str(parent), "runtime": runtime},
            "limits": spec_of(self.study.acceptance.limits),
            "seeds": self._seeds(at),
        }

    def _seeds(self, at: Any) -> list[dict[str, Any]]:
        """`folder` and `parent`: of the measurements of both."""
        chain, (parent, runtime) = self.study.chain(at.cell), self._against(at)
        own = self.study.runtimes_of(chain)[0]
        return [
            {
                "seed": seed,
                "folder": self.paths.measured(at.task, seed, chain, own),
                "parent": self.paths.measured(at.task, seed, parent, runtime),
            }
            for seed in self.study.seeds
        ]

    def _against(self, at: Any) -> Any:
        against = self.plan.accepted_against(at.cell)
        assert against is not None
        return against

    def roots(self, at: Any) -> tuple[str, ...]:
        return scores_of(self.plan)

    def settings(self, at: Any) -> tuple[str, ...]:
        return kinds_of(self.plan)


class CheckAcceptance(Job):
    """The last job of a study: it fails if a quantized cell of the ladder is not accepted."""

    rule = "check_acceptance"
    place = "acceptance/ladder"
    timed = False

    def __init__(self, plan: Plan, made: Callable[[], Iterable[Job]]) -> None:
        super().__init__(plan)
        self._made = made

    @property
    def files(self) -> list[str]:
        """Verdicts on the cells of the stage-wise table, if that is made by default. A study that recommends and names no rows of it has candidates,
        and no ladder."""
        candidates = self.study.recommend is not None and not self.study.tables.stagewise
        made = "stagewise" in self.study.default_tables() and not candidates
        ladder = self.study.blocks("stagewise").values() if made else ()
        cells = dict.fromkeys(cell for cells in ladder for cell in cells if self.plan.accepted_against(cell))
        return [self.paths.verdict(task, cell) for task in self.study.tasks for cell in cells]

    @property
    def outputs(self) -> list[str]:
        return [self.paths.accepted]

    def inputs(self, at: Any) -> Inputs:
        return {"verdicts": self.files}

    def before(self, at: Any) -> list[str]:
        """What has to be there first, so that a failure costs no table and no plot; nothing of it is read."""
        return listed([job.outputs for job in self._made()])
