"""Heads and neurons within a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from edgemin.study import registry
from edgemin.study.structure import Shape
from edgemin.study.timed import Timed


def comparable() -> tuple[str, ...]:
    """Names of the criteria whose scores of heads and of neurons can be weighed against each other."""
    return tuple(name for name, criterion in registry.CRITERIA.all().items() if criterion.comparable)


if TYPE_CHECKING:
    ComparableCriterion = str
else:
    ComparableCriterion = Literal[comparable()]


class Budget(Timed):
    """Heads and FFN neurons of all layers, chosen together: the least loss, by the criterion, within a time that is measured on this
    machine. A layer may lose its attention or its FFN."""

    structure: Literal["budget"]
    criterion: ComparableCriterion = "michel"
    """What estimates the loss of each unit; only criteria whose scores of heads and neurons compare."""
    multiple: Literal[8, 16, 32, 64] = 8
    """Every layer keeps a multiple of so many neurons, for the kernels."""
    layers: Literal["free", "alike"] = "free"
    """`alike`: every layer keeps the same share of its heads and of its neurons, the largest within the time: the control without a choice among layers."""
    least: Annotated[float, Field(ge=0, lt=1)] = 0
    """Share of its heads, and of its neurons, that every layer keeps at least; 0: a layer may lose all."""

    @field_validator("criterion", mode="before")
    @classmethod
    def _compares(cls, criterion: object) -> object:
        if criterion in registry.CRITERIA.names() and criterion not in comparable():
            raise ValueError(f"scores of heads and neurons do not compare by '{criterion}'; choose {' or '.join(comparable())}")
        return criterion

    @property
    def description(self) -> tuple[str, str | None]:
        form, layers = (" in INT8" if self.target.quantized else ""), (", layers alike" if self.layers == "alike" else "")
        return f"to {self.target.speedup:g}×{form}{layers}", self.criterion

    def shape(self, parent: Shape) -> Shape:
        return replace(parent, exact=False, neurons=None)
