"""The size of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Magnitude(Criterion):
    name = "magnitude"
    description = "the norm of the weights"
    ranks = ("heads", "ffn", "weights", "width")
    color = "#0072B2"
    marker = "o"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, variant.p, variant.matrices == "output")

    def weights(self, weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        from . import score

        return score.weights(weight)

    def width(self, model: Any, sample: Sample, seed: int) -> torch.Tensor:
        from . import score

        return score.width(model)
