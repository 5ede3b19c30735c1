"""The settings of a recommendation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgemin.study.base import AsBefore, Strict
from edgemin.study.table import RuntimeName


class Recommend(Strict):
    """What may be shipped. Limits are checked on validation; what is left out is no limit."""

    max_accuracy_drop: Annotated[float, Field(ge=0)] | None = None
    """Below the teacher, in units of the metric: 0.01 is one point of accuracy."""
    bound: Annotated[Literal["upper", "interval", "point"], AsBefore("point")] = "upper"
    """What `max_accuracy_drop` is compared with: an upper 80 % bound of the drop on validation, the upper end of its 95 % interval, or the drop itself."""
    max_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of all files needed to predict, of the largest of the seeds."""
    max_p90_ms: Annotated[float, Field(gt=0)] | None = None
    """90th percentile of the latency from text to answer, one text at a time, on the machine that measures."""
    runtime: RuntimeName = "onnxruntime"
    """The runtime whose measurements count."""
    prefer: Literal["latency", "bytes", "quality"] = "latency"
    """Which of the cells within all limits is chosen: the fastest (p90 from text), the smallest, or the best."""
