"""Weights and ranges of activations fixed ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgemin.study.base import AsBefore
from edgemin.study.quantizing import Quantizing

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Static(Quantizing):
    """Static INT8: activation ranges are fixed ahead too, by calibration on sentences of the training split. The classifier's head
    stays in fp32."""

    reads_data: ClassVar[bool] = True
    scheme: Literal["int8_static"]
    backend: Literal["onnxruntime"]
    """The library that quantizes and runs the model."""
    calibration: Literal["minmax", "percentile", "entropy"] = "minmax"
    """How wide a range is. `minmax`: up to the extreme values. `percentile`: wide enough for this share of the values.
    `entropy`: the width that changes the distribution of the values least (KL)."""
    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.99
    """The share of the values that `percentile` holds."""
    sentences: Annotated[int, Field(ge=8)] = 256
    """Number of training sentences to read. If there are fewer, all are read, with a line in the log."""
    per_channel: bool = True
    """One scale per output channel of a weight matrix, else one per matrix."""
    embeddings: bool = True
    """Quantize the embedding tables too."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    reduce_range: Annotated[bool, AsBefore(False)] = False
    """Weights of 7 bits, as in `int8_dynamic`."""

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_onnxruntime

        in_onnxruntime.quantize_folder(self, given)
