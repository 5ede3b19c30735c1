"""The first-order change of the loss if the weights were removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from edgemin.study.base import refuses
from edgemin.study.criterion import Criterion

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Taylor(Criterion):
    name = "taylor"
    description = "the first-order change of the loss"
    reads_data = True
    comparable: ClassVar[Annotated[bool, refuses]] = True
    color = "#009E73"
    marker = "^"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        from . import score

        return score.units(model, variant.structure, sample, variant.matrices == "output")
