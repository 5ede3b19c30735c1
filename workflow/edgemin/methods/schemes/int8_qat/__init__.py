"""Training with the rounding in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study.base import AsBefore
from edgemin.study.term import Term
from edgemin.study.trained import QuantizingTrained

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class FakeQuantTerm(Term):
    """Quantizes what the linear layers read and hold while they train; costs nothing. No term of a study: `int8_qat` adds it."""

    objective: Literal["fake_quant"] = "fake_quant"


class Int8Qat(QuantizingTrained):
    """Quantization-aware training: the parent trains on with weights and activations rounded as in INT8. The gradient ignores
    the rounding (Zafrir et al. 2019, arXiv 1910.06188). The result is written as static INT8, with the head in fp32 as trained."""

    scheme: Literal["int8_qat"]
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    ranges: Literal["ema", "learned"] = "ema"
    """Ranges of activations: a moving average of the observed ranges, or learned with the weights."""
    range_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Learning rate of learned ranges; it follows the schedule of the phase."""
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Momentum of the moving average, per batch."""
    per_channel: bool = True
    """One scale per output channel of a weight matrix, else one per matrix."""
    embeddings: bool = True
    """Quantize the embedding tables too."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    reduce_range: Annotated[bool, AsBefore(False)] = False
    """Weights of 7 bits, in training and in the result, as in `int8_dynamic`."""

    @property
    def batch_invariant(self) -> bool:
        """The result is static INT8."""
        return True

    @property
    def details(self) -> str:
        return f"{self.learn.epochs} epochs, {self.ranges} ranges"

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_aware(self, given)
