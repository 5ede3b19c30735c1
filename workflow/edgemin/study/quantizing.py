"""Shared settings of all quantize variants. Settings half of `methods.schemes`; the union of all schemes is in `study.variants`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from edgemin.study import registry
from edgemin.study.base import AsBefore, Strict, refuses
from edgemin.study.phases import Phase
from edgemin.study.revert import REVERTING, Revert
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Quantizing(Strict):
    """The interface of a scheme: the runtime of the result, and how to make it."""

    reads_data: ClassVar[bool] = False
    """Whether it looks at training sentences."""
    trains: ClassVar[bool] = False
    """Whether it is a training job, with phases, teacher and signals."""
    scheme: str
    backend: str
    """The runtime that the chain is quantized for, and measured in."""
    revert: Annotated[Revert | None, AsBefore(None), Field(exclude_if=lambda revert: revert is None)] = None
    """In ONNX Runtime, not of trained schemes: give the layers that lose most their floats back, until the metric on validation is within
    a limit."""

    @model_validator(mode="after")
    def _reverts(self) -> Quantizing:
        if self.revert and not (self.backend == REVERTING and registry.SCHEMES.has(self.scheme, "reverting")):
            able = [name for name in registry.SCHEMES.names() if registry.SCHEMES.has(name, "reverting")]
            raise ValueError(
                f"revert: {self.scheme} in {self.backend} quantizes all layers or none; drop the key, or take backend {REVERTING} "
                f"and one of the schemes {', '.join(able)}"
            )
        return self

    @property
    def phases(self) -> list[Phase]:
        """All that it trains."""
        return []

    @property
    def details(self) -> str:
        """Settings that differ from the scheme's defaults, such as `per_channel false`."""
        named_elsewhere = {"scheme", "backend"}
        return ", ".join(
            f"{name} {str(value).lower() if isinstance(value, bool) else value}"
            for name, value in self.model_dump(exclude_defaults=True).items()
            if name not in named_elsewhere
        )

    @refuses
    def check(self, shape: Shape) -> None:
        """Raises EdgeminError, without the name of the variant, for a model that the scheme cannot take."""

    def quantize(self, given: QuantizeInputs) -> None:
        """Read the float parent and write the quantized files."""
        raise NotImplementedError

    def load(self, folder: Path) -> Any:
        """The PyTorch model of a folder that this scheme wrote for the runtime torch, in eval mode. Asked of no scheme for another runtime."""
        raise NotImplementedError
