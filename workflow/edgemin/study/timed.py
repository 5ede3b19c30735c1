"""Cuts to a time: what is promised, and the prune variants that promise it. Their shapes are timed by a job before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study.base import Strict, refuses
from edgemin.study.pruning import Pruning

if TYPE_CHECKING:
    from edgemin.study.study import Study


class Target(Strict):
    """A speed-up over the float teacher: both in the same runtime, batch 1."""

    speedup: Annotated[float, Field(gt=1)]
    """How many times as fast as the teacher."""
    runtime: Literal["onnxruntime"] = "onnxruntime"
    """Runtime in which shapes are timed."""
    quantized: bool = True
    """Time shapes in dynamic INT8: the speed-up is then that of the chain's `int8_dynamic` child. False: as floats, the speed-up is the chain's own."""
    tokens: Annotated[int, Field(ge=3)] = 32
    """Number of tokens at which shapes and the teacher are timed."""

    @property
    def form(self) -> str:
        """How the shapes are stored."""
        return "int8" if self.quantized else "float"


class Timed(Pruning):
    """A cut that needs the times of shapes on this machine, so it has a job of its own."""

    target: Target
    """What the cut promises."""

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        """What is wrong with it in a study, each beginning with a point and a key."""
        target = self.target
        for name, task in study.tasks.items():
            if target.tokens > task.max_length:
                yield f".target.tokens: {target.tokens}, but task {name} reads at most {task.max_length} (max_length); lower it"
        if not target.quantized and target.runtime not in study.runtimes:
            yield f".target.runtime: {target.runtime} is not among the study's `runtimes`, so nothing would measure the speed-up; add it"
