"""What INT8 does to each part of a model alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class LayerSensitivityPlot(Plot):
    name = "layer_sensitivity"
    label = "which layers suffer from INT8"
    caption = (
        "Dynamic INT8 of one part of the model at a time, all others floats: how far the predictions move, and what that does "
        "to quality, on validation; means over seeds, without intervals. "
        '"all" is the whole model. Look for parts that are far to the right on the left side: keep them in float. '
        "Axes that span orders of magnitude are logarithmic, and linear near 0. The figure names the part that moves the predictions most."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.layer_sensitivity)

    def files(self, plan: Plan) -> list[str]:
        return [scan["file"] for scan in plan.scans()]

    def spec(self, plan: Plan) -> dict[str, Any]:
        return {"scans": plan.scans(), "kinds": {name: task.asks.name for name, task in plan.study.tasks.items()}}

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(spec["scans"], spec["kinds"], outputs)
