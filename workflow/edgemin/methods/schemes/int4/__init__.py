"""Four bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from edgemin.core.errors import EdgeminError
from edgemin.study.base import AsBefore, refuses
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
    reduce_range: Annotated[bool, AsBefore(False)] = False
    """7 bits in place of 8 in linear layers, as in `int8_dynamic`; only with `linear: 8`."""

    @property
    def batch_invariant(self) -> bool:
        """Not with `linear: 8`, whose ranges span the batch. The 4-bit kernel rounds activations in blocks within a token."""
        return self.linear != 8

    @model_validator(mode="after")
    def _has_four_bits(self) -> Int4:
        if self.reduce_range and self.linear != 8:
            raise ValueError(
                f"reduce_range: linear layers of {self.linear} bits have no range to reduce; drop the key or set linear: 8"
            )
        if self.revert and self.linear == 32:
            raise ValueError("revert: linear layers of 32 bits are floats already; drop the key")
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
