"""Static INT8 in a graph that computes only what the answer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgemin.methods.schemes.calibrated import Calibrated
from edgemin.methods.schemes.int4 import Bits
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.study.base import refuses
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Fused(Calibrated):
    """The numbers of `int8_static`, or of `int4_static`, in a graph that is faster: the last layer computes only the first token, which is all
    that the classifier reads; attention is one node with one product for queries, keys and values."""

    scheme: Literal["int8_fused"]
    embeddings: Bits = 8
    """Bits of embedding tables; 4: as in `int4`; 32: floats."""
    block_size: Literal[16, 32, 64, 128] = 32
    """Neighbours in an embedding of 4 bits that share a scale."""

    @property
    def plain(self) -> Int8Static | Int4Static:
        """The scheme of the same numbers."""
        shared = self.model_dump(exclude={"scheme", "embeddings", "block_size"})
        if self.embeddings == 4:
            return Int4Static(scheme="int4_static", block_size=self.block_size, **shared)
        return Int8Static(scheme="int8_static", embeddings=self.embeddings == 8, **shared)

    @property
    def linear(self) -> Int8Static:
        """What is done to linear layers; and to embedding tables, unless they have 4 bits."""
        plain = self.plain
        return plain.linear if isinstance(plain, Int4Static) else plain

    @refuses
    def check(self, shape: Shape) -> None:
        """As of the plain scheme."""
        self.plain.check(shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
