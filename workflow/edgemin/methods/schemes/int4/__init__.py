"""Four bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.quantizing import Quantizing
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs

Bits = Literal[4, 8, 32]
SMALLEST = 16
"""Neighbours that share a scale in an embedding table, at least."""


class Int4(Quantizing):
    """4-bit weights, each group with a scale, in linear layers or embedding tables or both; the others at 8 bits or as they are."""

    scheme: Literal["int4"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    linear: Bits = 4
    """Bits of linear layers; 8: as in `int8_dynamic`; 32: floats."""
    embeddings: Bits = 4
    """Bits of embedding tables, with the same meaning."""
    block_size: Literal[16, 32, 64, 128] = 32
    """Neighbours that share a scale."""

    @model_validator(mode="after")
    def _has_four_bits(self) -> Int4:
        if 4 not in (self.linear, self.embeddings):
            raise ValueError("neither linear nor embeddings has 4 bits; set one of them to 4, or use scheme: int8_dynamic")
        return self

    @refuses
    def check(self, shape: Shape) -> None:
        """The kernel asks for a width of the tables that its groups divide; the smallest group has 16."""
        if self.embeddings == 4 and shape.embedding is not None and shape.embedding % SMALLEST:
            raise EdgeminError(
                f".embeddings: 4 bits need a width that is a multiple of {SMALLEST}, the embeddings have {shape.embedding}; "
                f"use embeddings: 8, or `multiple: {SMALLEST}` where the width is cut"
            )

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
