"""The job of a quantization whose layers go back to floats until validation is within a limit."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs
from edgemin.plan.jobs.measuring import batch_size
from edgemin.plan.jobs.models import QuantizeModel
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.revert import REVERTED, REVERTING


class RevertLayers(QuantizeModel):
    """Stage 3, and layers that lose most back to floats. It judges as quality is measured: same runtime, threads and batches."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, REVERTING)
        self.rule, self.timed = "revert_layers", True

    @property
    def script(self) -> str:
        return self.rule

    @property
    def outputs(self) -> list[str]:
        return [*super().outputs, f"{self.paths.root}/{self.place}/{REVERTED}"]

    def variants(self) -> list[str]:
        return [name for name, one in self.study.quantize.items() if one.revert]

    def inputs(self, at: Any) -> Inputs:
        return {**super().inputs(at), "validation": self.plan.tokens(at.task, Chain.parse(at.parent), "validation")}

    def about(self, at: Any) -> dict[str, Any]:
        judging = {**self.judged(at.task), "batch_size": batch_size(self.plan, self.chain(at))}
        return {**super().about(at), **judging, "threads": self.study.threads.inference}

    def roots(self, at: Any) -> tuple[str, ...]:
        scheme = registry.SCHEMES.module(self.variant(at).scheme)
        return f"{scheme}.reverting", f"{self.kind(at.task)}.scores", *super().roots(at)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)
