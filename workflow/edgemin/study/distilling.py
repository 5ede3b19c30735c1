"""The root of every chain, and the variants of distillation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from edgemin.study.base import Name, Strict
from edgemin.study.phases import LabelPhase, Phase
from edgemin.study.sources import ModelSource
from edgemin.study.static import StaticStudent

LayerIndex = Annotated[int, Field(ge=0)]


class Teacher(Strict):
    """The root of every chain."""

    source: ModelSource
    """The encoder; see Sources of models."""
    training: Literal["none"] | Annotated[list[LabelPhase], Field(min_length=1)]
    """Phases of fine-tuning on gold labels; `none`: the source is fine-tuned already, with the task's classes in the order of `label_names`."""


def _rising(layers: list[int] | None) -> list[int] | None:
    if layers and sorted(set(layers)) != layers:
        raise ValueError(f"{layers} must rise without repeats")
    return layers


class LayerSubset(Strict):
    """Layers of the parent."""

    layers: Annotated[list[LayerIndex], Field(min_length=1), AfterValidator(_rising)]
    """Layers of the parent that the student starts from, counted from 0; what was pruned stays pruned."""


class OwnSource(Strict):
    """A model of its own."""

    source: ModelSource
    """A model of its own; nothing of the parent is inherited."""
    layers: Annotated[list[LayerIndex], Field(min_length=1), AfterValidator(_rising)] | None = None
    """Layers of it that the student starts from, counted from 0; empty: all."""


class Distill(Strict):
    """A student, taught in phases."""

    teacher: Literal["root", "parent"] = "root"
    """The teacher: the fine-tuned teacher, or the link before this one."""
    student: Literal["parent"] | LayerSubset | OwnSource | StaticStudent
    """Initial weights of the student; `parent`: continue to train the parent."""
    transfer: Name | None = None
    """Train on this transfer set in place of the training split."""
    phases: Annotated[list[Phase], Field(min_length=1)]
    """See Phases."""
