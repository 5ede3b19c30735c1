"""Layers back to floats: what a quantize variant may ask for after it was quantized."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgemin.study.base import Strict

REVERTING = "onnxruntime"
"""The runtime whose graphs can hold single layers in floats."""
REVERTED = "reverted.json"
"""Beside the model: what went back to floats."""


class Revert(Strict):
    """Linear layers that lose most by quantization go back to floats, the worst first, until the metric on validation is near enough to the float
    parent's. The folder's reverted.json says which, in which order, and what each step cost and brought."""

    max_drop: Annotated[float, Field(ge=0, lt=1)]
    """How far the metric on validation may be below the float parent's, as a fraction: 0.005 is half a point of accuracy."""
    sentences: Annotated[int, Field(ge=8)] = 256
    """Number of validation sentences by which layers are ranked, drawn at random. The limit is judged on all."""
