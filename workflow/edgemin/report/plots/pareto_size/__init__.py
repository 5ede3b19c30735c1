"""Quality against size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgemin.report.plots.pareto import Pareto, caption_of


class ParetoSize(Pareto):
    name = "pareto_size"
    label = "quality against size"
    caption = caption_of("the size of all files")

    def draw(self, spec: Mapping[str, Any], inputs: Sequence[str], outputs: Iterable[str]) -> None:
        from . import draw

        draw.draw(inputs, "size", outputs, spec)
