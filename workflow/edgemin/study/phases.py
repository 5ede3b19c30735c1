"""Phases of training: a schedule, and what is minimised in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.methods.objectives.labels import Labels
from edgemin.study import registry
from edgemin.study.base import Strict
from edgemin.study.term import Term

if TYPE_CHECKING:
    AnyTerm = Term
else:
    AnyTerm = Annotated[registry.OBJECTIVES.union(), Field(discriminator="objective")]


class Schedule(Strict):
    """One run of the training loop: linear warm-up and decay of its own."""

    epochs: Annotated[int, Field(ge=1)] = 3
    """Passes over the training split, or over the transfer set."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    """Peak; write `5.0e-5`, since YAML reads `5e-5` as text (which is accepted too)."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the updates over which the learning rate rises from zero."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Examples per update."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Weight decay of AdamW; biases and LayerNorms are exempt."""
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Probability of every dropout of the trained model, in this phase only; empty: as its config says."""
    keep: Literal["loss", "metric", "last"] = "last"
    """Which epoch is kept: the one with the lowest validation `loss` (of the kind of task, with gold labels), with the highest `metric`, or
    the `last`. A phase that does not train predictions, or whose result is final only after its last update, always keeps its last epoch."""


class Phase(Schedule):
    """A run on weighted terms."""

    terms: Annotated[list[AnyTerm], Field(min_length=1)]
    """The terms of the loss, which is their weighted sum."""


class LabelPhase(Schedule):
    """A run on gold labels alone: fine-tuning."""

    terms: Annotated[list[Labels], Field(min_length=1, max_length=1)] = [Labels(objective="labels")]
    """`labels` alone."""
