"""Shared settings of the quantize variants that train."""

from __future__ import annotations

from typing import ClassVar, Literal

from edgemin.study.base import Name
from edgemin.study.phases import Phase
from edgemin.study.quantizing import Quantizing


class QuantizingTrained(Quantizing):
    """A scheme that trains its parent on, with the rounding in place."""

    trains: ClassVar[bool] = True
    learn: Phase
    """The training; its terms as for distillation."""
    teacher: Literal["root", "parent"] = "parent"
    """Whose outputs the phase follows; `parent` is the model before quantization."""
    transfer: Name | None = None
    """Train on this transfer set in place of the training split."""

    @property
    def phases(self) -> list[Phase]:
        return [self.learn]
