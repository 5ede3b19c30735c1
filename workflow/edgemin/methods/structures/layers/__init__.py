"""Whole encoder layers, or one block of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.methods.structures.selection import layers_that_keep
from edgemin.study.pruning import Pruning
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs

_WORDS = {"layer": "layer", "attention": "attention block", "ffn": "FFN block"}


class Layers(Pruning):
    """Whole encoder layers, or their attention or FFN alone (Sajjad et al. 2020, arXiv 2004.03844)."""

    structure: Literal["layers"]
    strategy: Literal["top", "bottom", "alternate", "symmetric", "contribution"] = "top"
    """Which layers are dropped: the last, the first, every other one from above, the middle ones, or those that change the first
    token's hidden state least (measured on training sentences)."""
    drop: Annotated[int, Field(ge=1)]
    """Number of layers to drop."""
    part: Literal["layer", "attention", "ffn"] = "layer"
    """`attention`, `ffn`: drop only that block of each layer; the LayerNorm after it is kept."""

    @property
    def description(self) -> tuple[str, str | None]:
        words = _WORDS[self.part] if self.drop == 1 else f"{_WORDS[self.part]}s"
        return f"{self.drop} {words}", self.strategy

    def shape(self, parent: Shape) -> Shape:
        numbers = range(len(parent.heads))
        has = parent.heads if self.part == "attention" else [True] * len(numbers)
        try:
            kept = layers_that_keep(has, self.drop, self.strategy, [0.0] * len(numbers))
        except EdgeminError as error:
            raise EdgeminError(f".{error}") from None
        measured = self.strategy == "contribution"
        if self.part == "layer":
            known = parent.exact and (not measured or len(set(parent.heads)) == 1)
            neurons = None if parent.neurons is None or measured else tuple(parent.neurons[layer] for layer in kept)
            return replace(parent, heads=tuple(parent.heads[layer] for layer in kept), exact=known, neurons=neurons)
        if self.part == "ffn":
            return replace(parent, neurons=self._without(parent.neurons))
        heads = tuple(parent.heads[layer] if layer in kept else 0 for layer in numbers)
        return replace(parent, heads=heads, exact=parent.exact and not measured)

    def _without(self, neurons: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """FFN width of each layer after the drop. Raises EdgeminError if all would be dropped."""
        if neurons is None:
            return None
        try:
            kept = layers_that_keep(neurons, self.drop, self.strategy, [0.0] * len(neurons))
        except EdgeminError as error:
            raise EdgeminError(f".{error}") from None
        return None if self.strategy == "contribution" else tuple(n if layer in kept else 0 for layer, n in enumerate(neurons))

    def cut(self, given: PruneInputs) -> Cut:
        from . import cut

        return cut.cut_layers(self, given)
