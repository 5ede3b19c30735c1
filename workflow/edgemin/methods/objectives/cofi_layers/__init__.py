"""Evenly spaced layers of the teacher, each with the student's layer that matches it best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape
from edgemin.study.term import Term, check_layers

if TYPE_CHECKING:
    from torch import nn


class CofiLayers(Term):
    """Xia et al. 2022 (arXiv 2204.00408): mean squared error between the teacher's hidden states at evenly spaced layers and
    the student's best matching ones in rising order, through a learned projection that begins as the identity where both are
    equally wide. Meant for a student that was cut from its teacher. It does not train the predictions: add `logits` to the phase, or
    let a phase of it follow."""

    objective: Literal["cofi_layers"]
    layers: Annotated[int, Field(ge=1)] = 4
    """How many of the teacher's layers are matched, at most the student's; its number of layers must be a multiple of it."""

    @property
    def needs(self) -> list[str]:
        return [f"hidden_map{self.layers}"]

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        if student and self.layers > (ours := len(student.heads)):
            raise EdgeminError(f"cofi_layers.layers is {self.layers}, but the student has {ours} layers; lower it")
        check_layers("cofi_layers", self.layers, teacher)

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.CofiLayersTerm(self, student, teacher)
