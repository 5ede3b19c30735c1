"""Static INT8 as NNCF makes it for OpenVINO: a peer of our own static scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgemin.study.base import AsBefore
from edgemin.study.quantizing import Quantizing

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Nncf(Quantizing):
    """Static INT8 by NNCF's post-training quantization, its preset for transformers (SmoothQuant included); runs in OpenVINO."""

    reads_data: ClassVar[bool] = True
    scheme: Literal["int8_nncf"]
    backend: Literal["openvino"] = "openvino"
    """The runtime of the result."""
    sentences: Annotated[int, Field(ge=8)] = 300
    """Number of training sentences to read. If there are fewer, all are read, with a line in the log. 300 is NNCF's own default."""
    sparse_from: Annotated[float, AsBefore(1.0), Field(gt=0, le=1)] = 1.0
    """Share of zeros from which OpenVINO stores a linear layer's weights without them, on CPUs with AMX; elsewhere dense kernels run, and
    tables mark the cell. 1: in no layer. Of a chain with `structure: weights`; a share that no layer reaches is an error."""

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    @property
    def sparse(self) -> bool:
        """Whether it asks for kernels that use zeros among single weights."""
        return self.sparse_from < 1

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_openvino

        in_openvino.quantize_folder(self, given)
