"""A pruning criterion: a score, the higher the more worth keeping. Settings half of `methods.criteria`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.base import refuses

if TYPE_CHECKING:
    import torch

    from edgemin.methods.prune.scoring import Sample
    from edgemin.methods.structures.units import Units


class Criterion:
    """One criterion. It lists what it can rank, with a method for each."""

    name: ClassVar[str]
    description: ClassVar[str]
    """In a clause."""
    ranks: ClassVar[tuple[str, ...]] = ("heads", "ffn")
    """Structures that it can rank: of `heads`, `ffn`, `weights`, `width`."""
    reads_data: ClassVar[bool] = False
    """Whether it looks at training sentences."""
    comparable: ClassVar[Annotated[bool, refuses]] = False
    """Whether a score estimates the change of the loss without the unit, so that heads and neurons can be weighed against each other."""
    slow: ClassVar[bool] = False
    """Whether it takes a pass for every unit, so that sweeps leave it out where units are many."""
    color: ClassVar[str] = "#56B4E9"
    """Of its line in plots (Okabe-Ito)."""
    marker: ClassVar[str] = "P"

    def units(self, model: Any, variant: Units, sample: Sample, seed: int) -> list[torch.Tensor]:
        """A float64 score per unit, per layer that has any. Asked only of a criterion that ranks `heads` or `ffn`."""
        raise NotImplementedError

    def weights(self, weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A score of every single weight of a matrix. Asked only of one that ranks `weights`."""
        raise NotImplementedError

    def width(self, model: Any, sample: Sample, seed: int) -> torch.Tensor:
        """A float64 score of every dimension of the hidden states. Asked only of one that ranks `width`."""
        raise NotImplementedError


def ranking(structure: str) -> tuple[str, ...]:
    """Names of the criteria that can rank a structure."""
    return tuple(name for name, criterion in registry.CRITERIA.all().items() if structure in criterion.ranks)


def criterion_of(name: str, structure: str) -> Criterion:
    """Raises EdgeminError for a criterion that cannot rank this structure."""
    if name not in ranking(structure):
        raise EdgeminError(f"criterion '{name}' does not rank {structure}; known: {', '.join(ranking(structure))}")
    criterion: Criterion = registry.CRITERIA[name]
    return criterion
