"""Schemes side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.table import Plot

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class QuantizationPlot(Plot):
    name = "quantization"
    label = "quantization schemes"
    caption = (
        "Change of test quality, speed and size of each scheme against its float parent in the same runtime, with 95 % intervals. Look "
        "for a scheme that is right of 1 in speed and size while its interval of quality reaches 0. The figure says which are the fastest."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.tables.quantization)

    def files(self, plan: Plan) -> list[str]:
        return [plan.paths.table("quantization")]

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs[0], outputs)
