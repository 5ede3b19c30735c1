"""Quality against latency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgemin.report.plots.pareto import Pareto, caption_of


class ParetoLatency(Pareto):
    name = "pareto_latency"
    label = "quality against latency"
    caption = caption_of("latency")

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs, "latency", outputs, spec)
