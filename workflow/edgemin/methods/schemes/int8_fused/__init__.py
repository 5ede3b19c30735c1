"""Static INT8 in a graph that computes only what the answer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgemin.methods.schemes.int4 import Bits
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.study.base import refuses
from edgemin.study.quantizing import Quantizing
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Fused(Quantizing):
    """The numbers of `int8_static`, or of `int4_static`, in a graph that is faster: the last layer computes only the first token, which is all
    that the classifier reads; attention is one node with one product for queries, keys and values."""

    reads_data: ClassVar[bool] = True
    scheme: Literal["int8_fused"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    embeddings: Bits = 8
    """Bits of embedding tables; 4: as in `int4`; 32: floats."""
    calibration: Literal["minmax", "percentile", "entropy"] = "minmax"
    """How wide the range of an activation is, as in `int8_static`."""
    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.99
    """The share of the values that `percentile` holds."""
    sentences: Annotated[int, Field(ge=8)] = 256
    """Number of training sentences to read. If there are fewer, all are read, with a line in the log."""
    per_channel: bool = True
    """One scale per output channel of a weight matrix, else one per matrix."""
    block_size: Literal[16, 32, 64, 128] = 32
    """Neighbours in an embedding of 4 bits that share a scale."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    reduce_range: bool = False
    """Weights of 7 bits in linear layers, as in `int8_dynamic`."""

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

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    @refuses
    def check(self, shape: Shape) -> None:
        """As of the plain scheme."""
        self.plain.check(shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
