"""Stage variants: what a distill, prune or quantize link does. A new objective or method is one model here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from edgemin.config.base import Strict
from edgemin.config.sources import ModelSource

LayerIndex = Annotated[int, Field(ge=0)]
Projection = Literal["query", "key", "value"]


class Term(Strict):
    """One weighted objective of a phase."""

    predicts: ClassVar[bool] = False
    """Whether it trains the classifier's output, so that the validation metric can choose among epochs."""
    weight: float = Field(1.0, gt=0)

    @property
    def needs(self) -> list[str]:
        """Names of the teacher signals that it reads."""
        return []


class Labels(Term):
    """Cross-entropy with the gold labels (mean squared error for regression): the control."""

    predicts: ClassVar[bool] = True
    objective: Literal["labels"]


class Logits(Term):
    """Hinton et al. 2015 (arXiv 1503.02531): T^2 * KL(teacher || student) of the tempered predictions."""

    predicts: ClassVar[bool] = True
    objective: Literal["logits"]
    temperature: float = Field(1.0, gt=0)
    loss: Literal["kl", "mse"] = "kl"

    @property
    def needs(self) -> list[str]:
        return ["logits"]


class MiniLMv2(Term):
    """Wang et al. 2020 (arXiv 2012.15828): KL of self-attention relations of one layer."""

    objective: Literal["minilmv2"]
    teacher_layer: LayerIndex | Literal["last"] = "last"
    student_layer: LayerIndex | Literal["last"] = "last"
    relations: Annotated[list[tuple[Projection, Projection]], Field(min_length=1)] = [
        ("query", "query"),
        ("key", "key"),
        ("value", "value"),
    ]
    relation_heads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """`auto`: the largest common divisor of both widths that is at most 48."""

    @property
    def needs(self) -> list[str]:
        return [f"qkv_{self.teacher_layer}"]


AnyTerm = Annotated[Labels | Logits | MiniLMv2, Field(discriminator="objective")]


class Schedule(Strict):
    """One run of the training loop: linear warm-up and decay of its own."""

    epochs: Annotated[int, Field(ge=1)] = 3
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the updates over which the learning rate rises from zero."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Phase(Schedule):
    """A run on weighted terms."""

    terms: Annotated[list[AnyTerm], Field(min_length=1)]


class LabelPhase(Schedule):
    """A run on gold labels alone: fine-tuning."""

    terms: Annotated[list[Labels], Field(min_length=1, max_length=1)] = [Labels(objective="labels")]


class LayerSubset(Strict):
    layers: Annotated[list[LayerIndex], Field(min_length=1)]
    """Layers of the parent that the student starts from, counted from 0."""

    @field_validator("layers")
    @classmethod
    def _rising(cls, layers: list[int]) -> list[int]:
        if sorted(set(layers)) != layers:
            raise ValueError(f"{layers} must rise without repeats")
        return layers


class OwnSource(Strict):
    source: ModelSource
    """A model of its own; nothing of the parent is inherited."""


class Distill(Strict):
    teacher: Literal["root", "parent"] = "root"
    student: Literal["parent"] | LayerSubset | OwnSource
    """`parent`: go on training the parent (recovery)."""
    phases: Annotated[list[Phase], Field(min_length=1)]


class Heads(Strict):
    """Attention heads, ranked by the norm of their weights, cut to physically smaller matrices."""

    structure: Literal["heads"] = "heads"
    criterion: Literal["magnitude"] = "magnitude"
    p: Literal[1, 2] = 2
    """The norm."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Share of the heads to cut."""
    scope: Literal["global", "per_layer"] = "global"
    teacher: Literal["root", "parent"] = "root"
    """Whose outputs the recovery phases follow."""
    recovery: list[Phase] = []

    @model_validator(mode="after")
    def _teacher_is_used(self) -> Heads:
        if self.teacher == "parent" and not self.recovery:
            raise ValueError("teacher: parent says whom the recovery follows, but there are no recovery phases")
        return self


class Int8Dynamic(Strict):
    """Dynamic INT8: weights quantized ahead, activations at each call."""

    scheme: Literal["int8_dynamic"] = "int8_dynamic"
    backend: Literal["onnxruntime", "torch"]
    per_channel: bool = True
    """One scale per output channel. `onnxruntime`: of MatMul weights; `torch`: of Linear weights."""
    embeddings: bool | None = None
    """Quantize the embedding tables too; unless said otherwise, onnxruntime does. torch.ao cannot."""

    @model_validator(mode="after")
    def _torch_keeps_embeddings(self) -> Int8Dynamic:
        if self.backend == "torch" and self.embeddings:
            raise ValueError(
                "embeddings: torch.ao's dynamic scheme leaves them in fp32; drop the key or use backend: onnxruntime"
            )
        return self


def needs_of(phases: list[Phase]) -> list[str]:
    """The teacher signals that the terms of `phases` read: `logits`, `qkv_<layer>`; sorted."""
    return sorted({need for phase in phases for term in phase.terms for need in term.needs})
