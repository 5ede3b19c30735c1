"""Static INT8 as NNCF makes it for OpenVINO: a peer of our own static scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

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

    @property
    def batch_invariant(self) -> bool:
        """All scales are fixed ahead."""
        return True

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_openvino

        in_openvino.quantize_folder(self, given)
