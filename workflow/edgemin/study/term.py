"""A term of a training phase: one weighted objective. Settings half of `methods.objectives`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import Strict, refuses
from edgemin.study.kind import Kind
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from torch import nn


class Term(Strict):
    """One weighted objective of a phase."""

    predicts: ClassVar[bool] = False
    """Whether it trains the classifier's output, so that the validation metric can choose among epochs."""
    settles: ClassVar[bool] = False
    """Whether the model is of use only when the phase's last update is made, so that no earlier epoch can be chosen."""
    weight: float = Field(1.0, gt=0)
    """Weight in the loss of the phase."""
    if TYPE_CHECKING:
        objective: Any  # its name, a Literal

    @property
    def needs(self) -> list[str]:
        """Names of the teacher signals that it reads: see `methods.distill.signals`."""
        return []

    @refuses
    def check(self, teacher: Shape | None, student: Shape | None, kind: Kind) -> None:
        """Raises EdgeminError, without the name of the variant, if it does not fit. A shape is None while it is not known."""

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        """The term on a student: an nn.Module, called as term(logits, mask, labels, teacher) after the student's forward.

        student: the model. teacher: a `methods.distill.term.TeacherShape`.
        """
        raise NotImplementedError


def needs_of(terms: Sequence[Term]) -> list[str]:
    """The teacher signals that terms read, sorted; `logits`, which every cache holds, only if it is all."""
    needs = sorted({need for term in terms for need in term.needs})
    return [need for need in needs if need != "logits"] or needs


def chooses_epoch(terms: Sequence[Term]) -> bool:
    """Whether validation chooses the epoch of a phase with these terms. Otherwise the last epoch is kept."""
    return any(term.predicts for term in terms) and not any(term.settles for term in terms)


@refuses
def check_layers(objective: str, layers: int, teacher: Shape | None) -> None:
    """Raises EdgeminError unless `layers` divides the teacher's number of layers."""
    if teacher and len(teacher.heads) % layers:
        raise EdgeminError(
            f"{objective}.layers {layers} does not divide the teacher's {len(teacher.heads)} layers evenly; "
            "choose a student whose layers do"
        )
