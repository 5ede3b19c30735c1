"""The graph of `int8_fused` in fewer bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgemin.methods.schemes.calibrated import Calibrated
from edgemin.methods.schemes.few_bits import FewBits, check_width
from edgemin.methods.schemes.int8_fused import Int8Fused
from edgemin.study.base import refuses
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Compact(Calibrated):
    """Linear layers as of `int8_fused`. What that one keeps as floats is stored as by `few_bits`: the classifier's head in 8 bits, embedding
    tables in few. The smallest form that nothing has to unpack."""

    scheme: Literal["int8_compact"]
    embeddings: Literal[8, 4, 2] = 4
    """Bits of embedding tables."""
    group: Literal[16, 32, 64, 128] = 64
    """Neighbours in a table, or in the head, that share a scale."""

    @property
    def layers(self) -> Int8Fused:
        """What is done to linear layers."""
        shared = self.model_dump(exclude={"scheme", "embeddings", "group"})
        return Int8Fused(scheme="int8_fused", embeddings=32, **shared)

    @property
    def rest(self) -> FewBits:
        """What is done to the head and to tables. Layers that are to stay floats stay so."""
        return FewBits(
            scheme="few_bits", backend=self.backend, bits=8, group=self.group, embeddings=self.embeddings, skip=self.skip
        )

    @refuses
    def check(self, shape: Shape) -> None:
        """As `few_bits`: its groups divide the width of the tables."""
        check_width(self.embeddings, shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
