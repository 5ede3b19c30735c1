"""Random scores: the baseline of every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Random(Criterion):
    name = "random"
    description = "chance, the floor of every comparison"
    ranks = ("heads", "ffn", "weights", "width")
    color = "#999999"
    marker = "x"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, seed)

    def weights(self, weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        from . import score

        return score.weights(weight, generator)

    def width(self, model: Any, sample: Sample, seed: int) -> torch.Tensor:
        from . import score

        return score.width(model, seed)
