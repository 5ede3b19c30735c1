"""No quantization: the control that every quantization must beat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgemin.study.quantizing import Quantizing

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class BFloat16(Quantizing):
    """Weights and arithmetic in bfloat16: half the bytes, and what today's CPUs do without any quantization."""

    scheme: Literal["bf16"]
    backend: Literal["torch"]
    """The runtime of the result."""

    def quantize(self, given: QuantizeInputs) -> None:
        from . import in_torch

        in_torch.quantize_folder(self, given)

    def load(self, folder: Path) -> Any:
        from . import in_torch

        return in_torch.load(folder)
