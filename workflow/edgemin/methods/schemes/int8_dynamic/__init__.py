"""Weights quantized ahead, activations at each call: the paper's Stage 3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import model_validator

from edgemin.study.base import AsBefore
from edgemin.study.quantizing import Quantizing

if TYPE_CHECKING:
    from edgemin.methods.quantize.inputs import QuantizeInputs


class Int8Dynamic(Quantizing):
    """Dynamic INT8: weights quantized ahead, activations at each call."""

    scheme: Literal["int8_dynamic"] = "int8_dynamic"
    backend: Literal["onnxruntime", "torch"]
    """The library that quantizes and runs the model."""
    per_channel: bool = True
    """One scale per output channel. `onnxruntime`: of MatMul weights; `torch`: of Linear weights."""
    embeddings: bool | None = None
    """Quantize the embedding tables too. By default onnxruntime does; torch.ao cannot."""
    skip: list[str] = []
    """`onnxruntime`: modules whose linear layers stay in fp32, by name or by what it ends in or has inside, such as `layer.5.output`. A name
    that is no linear layer, nor holds one, is an error."""
    reduce_range: Annotated[bool, AsBefore(False)] = False
    """`onnxruntime`: weights of 7 bits. With 8 bits, processors with AVX2 or AVX-512 but without VNNI saturate sums of two products,
    so answers differ between processors; with 7 bits the products of the same integers are the same on all. Answers still differ a little, since
    activations are floats before they are rounded."""

    @model_validator(mode="after")
    def _torch_keeps_embeddings(self) -> Int8Dynamic:
        if self.backend == "torch" and self.embeddings:
            raise ValueError(
                "embeddings: torch.ao's dynamic scheme leaves them in fp32; drop the key or use backend: onnxruntime"
            )
        if self.backend == "torch" and self.skip:
            raise ValueError("skip: only for backend: onnxruntime; drop the key")
        if self.backend == "torch" and self.reduce_range:
            raise ValueError(
                "reduce_range: torch.ao reduces activations to 7 bits by itself; drop the key or use backend: onnxruntime"
            )
        return self

    def quantize(self, given: QuantizeInputs) -> None:
        if self.backend == "torch":
            from . import in_torch

            in_torch.quantize_folder(self, given)
        else:
            from . import in_onnxruntime

            in_onnxruntime.quantize_folder(self, given)

    def load(self, folder: Path) -> Any:
        from . import in_torch

        return in_torch.load(folder)
