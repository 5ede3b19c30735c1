"""Training with weights of few bits, and their scales with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.methods.schemes.few_bits import FewBits, check_width, details_of
from edgemin.study.base import refuses
from edgemin.study.structure import Shape
from edgemin.study.term import Term
from edgemin.study.trained import QuantizingTrained

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class LearnedScalesTerm(Term):
    """Rounds the weights while they train; costs nothing. No term of a study: `few_bits_qat` adds it."""

    objective: Literal["learned_scales"] = "learned_scales"


class FewBitsQat(QuantizingTrained):
    """The weights of `few_bits` after training with the rounding in place and learned scales (LSQ: Esser et al. 2020, arXiv 1902.08153).
    It begins from what `few_bits` finds. Activations stay floats."""

    scheme: Literal["few_bits_qat"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    bits: Literal[8, 4, 3, 2] = 4
    """Bits of a linear layer's weights, as in `few_bits`."""
    group: Literal[16, 32, 64, 128] = 32
    """Neighbours that share a scale, as in `few_bits`."""
    embeddings: Literal[8, 4, 2] | None = None
    """Bits of embedding tables, as in `few_bits`; they are trained with the rest."""
    zero_point: bool = False
    """Zero points, as in `few_bits`; they stay as they are found."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    scale_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    """Learning rate of the scales, relative to their first values; it follows the schedule of the phase."""

    @property
    def batch_invariant(self) -> bool:
        """The result is what `few_bits` writes."""
        return True

    @property
    def rounding(self) -> FewBits:
        """The same weights, without training."""
        return FewBits(
            scheme="few_bits",
            backend=self.backend,
            bits=self.bits,
            group=self.group,
            embeddings=self.embeddings,
            zero_point=self.zero_point,
            skip=self.skip,
        )

    @property
    def details(self) -> str:
        return f"{self.learn.epochs} epochs, {details_of(self.rounding)}"

    @refuses
    def check(self, shape: Shape) -> None:
        check_width(self.embeddings, shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_aware(self, given)
