"""The sensitivity of the loss to a gate on the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from edgemin.study.base import refuses
from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Michel(Criterion):
    name = "michel"
    description = "the sensitivity to a gate, per example"
    reads_data = True
    comparable: ClassVar[Annotated[bool, refuses]] = True
    color = "#D55E00"
    marker = "s"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, sample)
