"""The products of INT8, from weights of few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgemin.methods.schemes.calibrated import Calibrated
from edgemin.methods.schemes.few_bits import check_width
from edgemin.methods.schemes.int8_compact import Int8Compact
from edgemin.study.base import refuses
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Packed(Calibrated):
    """The graph of `int8_compact`, whose linear layers are stored in 4, 3 or 2 bits. The runtime unpacks them to INT8 once, as it loads the model:
    bytes of few bits, times of INT8. Weights are rounded so that those not yet rounded make up for the error (GPTQ: Frantar et
    al. 2022, arXiv 2210.17323)."""

    scheme: Literal["int8_packed"]
    bits: Literal[4, 3, 2] = 4
    """Bits of a linear layer's weights. The classifier's head has 8."""
    group: Literal[16, 32, 64, 128] = 64
    """Neighbours that share a scale: in a layer along its input, in a table along its width."""
    embeddings: Literal[8, 4, 2] = 4
    """Bits of embedding tables, as in `int8_compact`."""
    rounding: Literal["gptq", "nearest"] = "gptq"
    """`nearest`: each weight to its nearest code, whatever becomes of the others."""

    @property
    def compact(self) -> Int8Compact:
        """The graph, and all of it but the weights of linear layers."""
        shared = self.model_dump(exclude={"scheme", "bits", "rounding"})
        return Int8Compact(scheme="int8_compact", **shared)

    @refuses
    def check(self, shape: Shape) -> None:
        """As `int8_compact`'s."""
        check_width(self.embeddings, shape)

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
