"""One answer for every text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from edgemin.study.baseline import Baseline

if TYPE_CHECKING:
    from edgemin.methods.floor import Answer, Fitted, Rows


class Majority(Baseline):
    """The same answer for every text: the most frequent class of the training rows, or the mean of their values. It takes no time, so plots do not show it."""

    drawn: ClassVar[bool] = False
    baseline: Literal["majority"] = "majority"

    def fit(self, rows: Rows) -> Fitted:
        from . import fit

        return fit.fit(rows)

    def answer(self, fitted: Fitted) -> Answer:
        from . import answer

        return answer.answer(fitted)
