"""Weights of few bits, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.quantizing import Quantizing
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs

SMALLEST = 16
"""Values of the smallest group."""


class FewBits(Quantizing):
    """Weights of 8, 4, 3 or 2 bits, each group with the scale of least squared error, after training. Activations stay floats."""

    scheme: Literal["few_bits"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    bits: Literal[8, 4, 3, 2] = 4
    """Bits of a linear layer's weights. There is no kernel for 3: they are stored as 3 bits, and unpacked to floats when the model is
    loaded."""
    group: Literal[16, 32, 64, 128] = 32
    """Neighbours that share a scale, along a layer's input. The last group of a row may have fewer."""
    embeddings: Literal[8, 4, 2] | None = None
    """Bits of embedding tables, in groups along their width; empty: fp32."""
    zero_point: bool = False
    """A zero point per group, so that codes span the group's range; else zero is the middle code."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""

    @property
    def batch_invariant(self) -> bool:
        """Nothing is rounded that depends on a neighbour."""
        return True

    @property
    def details(self) -> str:
        return details_of(self)

    @refuses
    def check(self, shape: Shape) -> None:
        check_width(self.embeddings, shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)


def details_of(variant: FewBits) -> str:
    """What tables say of a variant. Three bits have the times of floats, so they are called what they are: simulated."""
    tables = f", embeddings {variant.embeddings} bits" if variant.embeddings else ""
    zero = ", zero points" if variant.zero_point else ""
    skip = f", fp32: {', '.join(variant.skip)}" if variant.skip else ""
    simulated = "; simulated: computes in fp32" if variant.bits == 3 else ""
    return f"{variant.bits} bits, groups of {variant.group}{tables}{zero}{skip}{simulated}"


@refuses
def check_width(embeddings: int | None, shape: Shape) -> None:
    """The kernel asks for a width of the tables that its groups divide. Raises EdgeminError, which begins with the key."""
    if embeddings is not None and shape.embedding is not None and shape.embedding % SMALLEST:
        raise EdgeminError(
            f".embeddings: need a width that is a multiple of {SMALLEST}, the embeddings have {shape.embedding}; drop the key, "
            f"or use `multiple: {SMALLEST}` where the width is cut"
        )
