"""Jobs that write graphs: of every float checkpoint; of static students together with the checkpoint."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.jobs.models import Stage
from edgemin.plan.paths import inside
from edgemin.study.chains import Chain, float_chain_regex
from edgemin.study.runtime import CHECKPOINT, GRAPH
from edgemin.study.static import StaticStudent


class ExportOnnx(Job):
    """The ONNX graph beside every float checkpoint."""

    rule = "export_onnx"
    place = "models/{task}/seed{seed}/{parent}/export"

    @property
    def outputs(self) -> list[str]:
        return inside(self.paths.model("{task}", "{seed}", "{parent}"), GRAPH)

    def inputs(self, at: Any) -> Inputs:
        return {"parent": self.paths.checkpoint(at.task, at.seed, at.parent)}

    def own_constraints(self) -> dict[str, str]:
        """Static students bring their graph."""
        study = self.study
        static = [name for name, one in study.distill.items() if isinstance(one.student, StaticStudent)]
        others = {**study.variants(), "distill": [name for name in study.distill if name not in static]}
        return {"parent": float_chain_regex(others)} if static else {}

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.plan.families_of(Chain.parse(at.parent))


class DistillStatic(Stage):
    """Stage 1 with a static student. No stage follows but quantization."""

    rule = "distill_static"
    stage = "distill"
    place = "models/{task}/seed{seed}/{parent}/distill-{variant}"

    @property
    def outputs(self) -> list[str]:
        return inside(f"{self.paths.root}/{self.place}", (*CHECKPOINT, "history.json", *GRAPH))

    def variants(self) -> list[str]:
        return [name for name, one in self.study.distill.items() if isinstance(one.student, StaticStudent)]

    def inputs(self, at: Any) -> Inputs:
        return self.teacher_files(at)

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.taught(at)
