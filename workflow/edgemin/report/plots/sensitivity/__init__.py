"""How much can go, by which score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class SensitivityPlot(Plot):
    name = "sensitivity"
    label = "how much can be cut"
    caption = (
        "Validation quality against the share of heads, FFN neurons or single weights that was cut, by criterion, without any "
        "training after the cut; means over seeds, without intervals. Look how far a line stays level, and how far above the grey one, which is cut at random. The figure "
        "names the criterion that keeps most on average over the shares."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.sensitivity)

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("sensitivity")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], outputs)
