"""Jobs of cuts to a time: the times of shapes on this machine, and the cut that reads them."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.jobs.models import PruneStructured
from edgemin.plan.paths import inside
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.runtime import GRAPH
from edgemin.study.timed import Timed


class TimeShapes(Job):
    """Times of attention and FFN of an encoder, with all and with fewer heads and neurons. Runs alone."""

    rule = "time_shapes"
    place = "shapes/{task}/seed{seed}/{parent}/{runtime}-{form}-{tokens}"

    @property
    def outputs(self) -> list[str]:
        return [self.paths.shapes("{task}", "{seed}", "{parent}", "{runtime}", "{form}", "{tokens}")]

    def inputs(self, at: Any) -> Inputs:
        """Of the encoder its config alone: weights do not change times."""
        return {
            "encoder": f"{self.paths.model(at.task, at.seed, at.parent)}/config.json",
            "teacher": inside(self.paths.model(at.task, at.seed, Chain()), ("config.json", *GRAPH)),
        }

    def about(self, at: Any) -> dict[str, Any]:
        return {
            "runtime": at.runtime,
            "quantized": at.form == "int8",
            "tokens": int(at.tokens),
            "threads": self.study.threads.inference,
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        return registry.RUNTIMES.module(at.runtime), *self.plan.families_of(Chain.parse(at.parent))

    def settings(self, at: Any) -> tuple[str, ...]:
        return self.plan.families_of(Chain())

    def without(self, at: Any) -> tuple[str, ...]:
        """Of the runtime what only sizes read."""
        return (f"{registry.RUNTIMES.module(at.runtime)}.stored",)


class PruneToTime(PruneStructured):
    """Stage 2, where what stays is chosen by its time."""

    rule = "prune_to_time"

    def variants(self) -> list[str]:
        return [name for name, one in self.study.prune.items() if isinstance(one, Timed)]

    def inputs(self, at: Any) -> Inputs:
        target = self.variant(at).target
        sized = self.plan.sized_as(Chain.parse(at.parent))
        return {
            **self.teacher_files(at),
            "sentences": self.plan.tokens(at.task, Chain.parse(at.parent), "train"),
            "shapes": self.paths.shapes(at.task, at.seed, sized, target.runtime, target.form, target.tokens),
        }
