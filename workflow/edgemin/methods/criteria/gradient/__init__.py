"""The size of the loss's gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Gradient(Criterion):
    name = "gradient"
    description = "the norm of the loss's gradient"
    reads_data = True
    color = "#E69F00"
    marker = "v"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, sample, variant.matrices == "output")
