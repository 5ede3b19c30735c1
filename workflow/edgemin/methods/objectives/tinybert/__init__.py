"""Embeddings, hidden states and attention scores, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term, check_layers

if TYPE_CHECKING:
    from torch import nn


class TinyBert(Term):
    """Jiao et al. 2019 (arXiv 1909.10351), the intermediate step: mean squared errors of embeddings, hidden states (through
    one learned projection) and raw attention scores, by the uniform layer map. It does not train the predictions: let a phase of
    `logits` follow."""

    objective: Literal["tinybert"]
    layers: Annotated[int, Field(ge=1)]
    """Layers of the student; the teacher's number of layers must be a multiple of it."""
    embeddings: float = Field(1.0, ge=0)
    """Weight of what enters the first layer."""
    hidden: float = Field(1.0, ge=0)
    """Weight of the hidden states after each layer."""
    attention: float = Field(1.0, ge=0)
    """Weight of the attention scores, head by head: where it is not 0, teacher and student need as many heads in the layers compared."""

    @property
    def needs(self) -> list[str]:
        hidden = [f"hidden_map{self.layers}"] if self.embeddings or self.hidden else []
        return hidden + ([f"scores_map{self.layers}"] if self.attention else [])

    @model_validator(mode="after")
    def _weighs_something(self) -> TinyBert:
        if not self.needs:
            raise ValueError("embeddings, hidden and attention are all 0; give one of them a weight")
        return self

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        if student and self.layers != (ours := len(student.heads)):
            raise EdgeminError(f"tinybert.layers is {self.layers}, but the student has {ours} layers; write layers: {ours}")
        check_layers("tinybert", self.layers, teacher)
        if not (self.attention and teacher and student and teacher.exact and student.exact):
            return
        step = len(teacher.heads) // self.layers
        for layer, heads in enumerate(student.heads):
            if heads != (wanted := teacher.heads[(layer + 1) * step - 1]):
                raise EdgeminError(
                    f"tinybert compares attention scores head by head, but layer {layer} of the student has {heads} heads "
                    f"and the teacher's has {wanted}; set attention: 0"
                )

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.TinyBertTerm(self, student, teacher)
