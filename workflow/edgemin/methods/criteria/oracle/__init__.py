"""The increase of the loss without the unit. The other criteria estimate it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from edgemin.study.base import refuses
from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Oracle(Criterion):
    name = "oracle"
    description = "the rise of the loss without the unit, one pass for each"
    reads_data = True
    comparable: ClassVar[Annotated[bool, refuses]] = True
    slow = True
    color = "#000000"
    marker = "*"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, sample)
