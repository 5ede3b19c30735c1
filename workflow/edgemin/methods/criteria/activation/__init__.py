"""The size of a unit's output, or of a dimension of the hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Activation(Criterion):
    name = "activation"
    description = "the size of what the unit hands on"
    ranks = ("heads", "ffn", "width")
    reads_data = True
    color = "#CC79A7"
    marker = "D"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, sample)

    def width(self, model: Any, sample: Sample, seed: int) -> torch.Tensor:
        from . import score

        return score.width(model, sample)
