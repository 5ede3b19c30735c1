"""Static INT8 with embeddings of four bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgemin.core.errors import EdgeminError
from edgemin.methods.schemes.calibrated import Calibrated
from edgemin.methods.schemes.int4 import SMALLEST, Int4
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.study.base import refuses
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int4Static(Calibrated):
    """Linear layers as of `int8_static`, embedding tables of four bits as of `int4`. Its answers do not depend on what else is in
    the batch; nor do those of `int8_packed`, which is smaller."""

    scheme: Literal["int4_static"]
    block_size: Literal[16, 32, 64, 128] = 32
    """Neighbours in an embedding that share a scale."""

    @property
    def linear(self) -> Int8Static:
        """What is done to linear layers."""
        shared = self.model_dump(exclude={"scheme", "block_size"})
        return Int8Static(scheme="int8_static", embeddings=False, **shared)

    @property
    def tables(self) -> Int4:
        """What is done to embedding tables."""
        return Int4(scheme="int4", backend=self.backend, linear=32, embeddings=4, block_size=self.block_size)

    @refuses
    def check(self, shape: Shape) -> None:
        """As `int4`'s: the smallest group of an embedding has 16 values."""
        if shape.embedding is not None and shape.embedding % SMALLEST:
            raise EdgeminError(
                f".scheme: int4_static needs embeddings whose width is a multiple of {SMALLEST}, they have {shape.embedding}; "
                f"use int8_static, or `multiple: {SMALLEST}` where the width is cut"
            )

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
