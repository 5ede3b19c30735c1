"""A baseline: a model without a transformer, the floor of every comparison. Settings half of `methods.baselines`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edgemin.study.base import Strict

if TYPE_CHECKING:
    from edgemin.methods.floor import Answer, Fitted, Rows


class Baseline(Strict):
    """The interface of a baseline: it is fitted to the training rows, and answers texts."""

    kinds: ClassVar[tuple[str, ...]] = ("classification", "regression")
    """Kinds of task that it has answers for."""
    drawn: ClassVar[bool] = True
    """Whether plots show it."""
    baseline: str

    def fit(self, rows: Rows) -> Fitted:
        """Fit to the training rows; what is chosen is chosen on validation. Raises EdgeminError if nothing can be learned from them."""
        raise NotImplementedError

    def answer(self, fitted: Fitted) -> Answer:
        """How texts are answered, by NumPy alone. fitted: as `fit` returned it, read from files."""
        raise NotImplementedError
