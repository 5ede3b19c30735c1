"""Settings that schemes of static INT8 share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from edgemin.study.quantizing import Quantizing


class Calibrated(Quantizing):
    """Ranges of activations are fixed ahead, on sentences of the training split."""

    reads_data: ClassVar[bool] = True
    backend: Literal["onnxruntime"]
    """The runtime of the result."""
    calibration: Literal["minmax", "percentile", "entropy"] = "minmax"
    """How wide the range of an activation is, as in `int8_static`."""
    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.99
    """The share of the values that `percentile` holds."""
    sentences: Annotated[int, Field(ge=8)] = 256
    """Number of training sentences to read. If there are fewer, all are read, with a line in the log."""
    per_channel: bool = True
    """One scale per output channel of a weight matrix, else one per matrix."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, as in `int8_dynamic`."""
    reduce_range: bool = False
    """Weights of 7 bits in linear layers, as in `int8_dynamic`."""

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    def skipping(self, floats: Sequence[str]) -> Self:
        """With these layers left out too."""
        return self.model_copy(update={"skip": [*self.skip, *floats]})
