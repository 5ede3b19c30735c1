"""Packed INT8 after training with its few bits in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.methods.schemes.few_bits import check_width
from edgemin.methods.schemes.few_bits_qat import FewBitsQat
from edgemin.methods.schemes.int8_packed import Int8Packed
from edgemin.study.base import refuses
from edgemin.study.structure import Shape
from edgemin.study.trained import QuantizingTrained

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8PackedQat(QuantizingTrained):
    """The graph of `int8_packed`, of weights that were trained with their rounding in place and learned scales, as in `few_bits_qat`,
    embedding tables too. The ranges of activations are of the rounded weights."""

    scheme: Literal["int8_packed_qat"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    bits: Literal[4, 3, 2] = 4
    """Bits of a linear layer's weights, as in `int8_packed`."""
    group: Literal[16, 32, 64, 128] = 64
    """Neighbours that share a scale, as in `int8_packed`."""
    embeddings: Literal[8, 4, 2] = 4
    """Bits of embedding tables, as in `int8_compact`."""
    sentences: Annotated[int, Field(ge=8)] = 256
    """Number of training sentences for ranges, as in `int8_packed`."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    reduce_range: bool = False
    """Weights of 7 bits in linear layers, as in `int8_dynamic`."""
    scale_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    """Learning rate of the scales, as in `few_bits_qat`."""

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    @property
    def packed(self) -> Int8Packed:
        """The graph, without training."""
        return Int8Packed(
            scheme="int8_packed",
            backend=self.backend,
            bits=self.bits,
            group=self.group,
            embeddings=self.embeddings,
            sentences=self.sentences,
            skip=self.skip,
            reduce_range=self.reduce_range,
        )

    def rounding(self, heads: list[str]) -> FewBitsQat:
        """The rounding in training. heads: modules of the classifier's head, which has 8 bits."""
        return FewBitsQat(
            scheme="few_bits_qat",
            backend=self.backend,
            bits=self.bits,
            group=self.group,
            embeddings=self.embeddings,
            skip=[*self.skip, *heads],
            scale_learning_rate=self.scale_learning_rate,
            learn=self.learn,
        )

    @property
    def details(self) -> str:
        of_packed = self.packed.details
        return ", ".join([f"{self.learn.epochs} epochs", *([of_packed] if of_packed else [])])

    @refuses
    def check(self, shape: Shape) -> None:
        """As `int8_compact`'s."""
        check_width(self.embeddings, shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_aware(self, given)
