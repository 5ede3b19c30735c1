"""A kind of job: what it reads, where it writes, and what its result depends on besides its input files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from edgemin.core.code_digest import code_digest, modules_of
from edgemin.plan.plan import Plan
from edgemin.study import registry

Inputs = dict[str, str | list[str]]


class Job(ABC):
    """One kind. Rules ask it for files and parameters, status for what is done, verify for what belongs where.

    `at` is what Snakemake calls wildcards: an object with the wildcards of `place` as attributes.
    """

    rule: str
    """Name of its rule."""
    place: str
    """Below the study's folder, with wildcards: where its log and its seconds are, in `logs/` and `benchmarks/`. For most kinds its files
    too."""
    timed: bool = True
    """Whether Snakemake notes its seconds."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.study, self.paths = plan, plan.study, plan.paths

    @property
    @abstractmethod
    def outputs(self) -> Any:
        """Patterns of its files: a list, or a mapping of names to files."""

    @abstractmethod
    def inputs(self, at: Any) -> Inputs:
        """Its input files in named groups."""

    def about(self, at: Any) -> dict[str, Any]:
        """What its result depends on besides files and code, in plain JSON types."""
        return {}

    def roots(self, at: Any) -> tuple[str, ...]:
        """The modules that it runs, besides those that its adapter imports: methods, runtimes and the like, which it finds by name."""
        return ()

    def settings(self, at: Any) -> tuple[str, ...]:
        """Modules of which it reads the settings alone."""
        return ()

    def without(self, at: Any) -> tuple[str, ...]:
        """Modules that its roots import for other jobs."""
        return ()

    def covered(self, at: Any) -> tuple[str, ...]:
        """The modules whose edits run it again."""
        return modules_of(*self.roots(at), settings=self.settings(at), script=self.script, without=self.without(at))

    def spec(self, wildcards: Any) -> dict[str, Any]:
        """The one tracked parameter of its rule."""
        code = code_digest(
            *self.roots(wildcards), settings=self.settings(wildcards), script=self.script, without=self.without(wildcards)
        )
        return {**self.about(wildcards), "code": code}

    def own_constraints(self) -> dict[str, str]:
        """Wildcards that may be other things here than in other rules -> regular expression."""
        return {}

    @property
    def script(self) -> str:
        """Its adapter, in `workflow/scripts`."""
        return self.rule

    @property
    def log(self) -> str:
        return self.paths.log(self.place)

    @property
    def benchmark(self) -> str:
        return self.paths.benchmark(self.place)

    # -- what several kinds have in their specs ----------------------------------------------------------------------

    def judged(self, task: str) -> dict[str, Any]:
        """How answers are judged; the kind of task only where it does not follow from the metric."""
        settings = self.study.tasks[task]
        return {"metric": settings.metric, **({"kind": settings.kind} if settings.kind else {})}

    def kind(self, task: str) -> str:
        """Module of the kind of task."""
        return registry.KINDS.module(self.study.tasks[task].asks.name)


def without_families(spec: Any) -> Any:
    """A spec without what it says of families, which is no part of a result."""
    if isinstance(spec, dict):
        return {name: without_families(value) for name, value in spec.items() if name != "family"}
    return [without_families(value) for value in spec] if isinstance(spec, list) else spec
