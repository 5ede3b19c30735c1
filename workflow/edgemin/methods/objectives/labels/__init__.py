"""Gold labels: the control of every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgemin.study.kind import Kind
from edgemin.study.term import Term

if TYPE_CHECKING:
    from torch import nn


class Labels(Term):
    """Cross-entropy with the gold labels (mean squared error in regression). Rows of a transfer set that have none do not count."""

    predicts: ClassVar[bool] = True
    objective: Literal["labels"]

    def build(self, student: Any, teacher: Any, kind: Kind) -> nn.Module:
        from . import loss

        return loss.LabelsTerm(kind)
