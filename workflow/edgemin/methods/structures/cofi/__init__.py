"""Masks that are learned together with the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgemin.methods.objectives.logits import Logits
from edgemin.study.phases import Phase
from edgemin.study.pruning import Pruning, per_cent
from edgemin.study.structure import Shape
from edgemin.study.term import Term

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs

Mask = Literal["layers", "heads", "neurons", "hidden"]


class MaskTerm(Term):
    """The price of size, while masks are learned. No term of a study: `structure: cofi` adds it."""

    settles: ClassVar[bool] = True
    objective: Literal["masks"] = "masks"


class Cofi(Pruning):
    """Masks on attention and FFN blocks, heads, neurons and hidden dimensions. They are learned together with the weights, up to
    the target sparsity. Then the model is cut by the masks (Xia et al. 2022, arXiv 2204.00408)."""

    learns: ClassVar[bool] = True
    structure: Literal["cofi"]
    sparsity: Annotated[float, Field(gt=0, lt=1)]
    """Share of the parameters to cut."""
    accounting: Literal["prunable", "model"] = "prunable"
    """Which parameters count: `prunable`: CoFi's own count, attention and FFN only. `model`: all, embeddings too."""
    learn: Phase = Phase(epochs=10, learning_rate=5e-5, terms=[Logits(objective="logits", temperature=2.0)])
    """The phase in which masks and weights are learned; embedding tables are frozen in it."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of its updates over which the wanted sparsity rises."""
    mask_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Learning rate of masks and Lagrange multipliers; it follows the schedule of the phase."""
    masks: Annotated[list[Mask], Field(min_length=1)] = ["layers", "heads", "neurons", "hidden"]
    """What may be cut; `layers`: whole attention and FFN blocks."""
    multiple: Annotated[int, Field(ge=1)] = 8
    """Every layer keeps a multiple of so many neurons, and the hidden states a multiple of as many dimensions, for the kernels."""

    @property
    def phases(self) -> list[Phase]:
        return [self.learn, *self.recovery]

    @property
    def description(self) -> tuple[str, str | None]:
        return per_cent(self.sparsity), "learned masks"

    def shape(self, parent: Shape) -> Shape:
        if "hidden" not in self.masks:
            return replace(parent, exact=False, neurons=None)
        narrow = parent.embedding if parent.embedding != parent.hidden else None
        return replace(parent, exact=False, neurons=None, hidden=None, embedding=narrow)

    def cut(self, given: PruneInputs) -> Cut:
        from . import learning

        return learning.cut(self, given)
