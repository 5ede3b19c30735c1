"""TF-IDF and a linear model: what a text says in single words and short phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study.baseline import Baseline

if TYPE_CHECKING:
    from edgemin.methods.floor import Answer, Fitted, Rows


class Tfidf(Baseline):
    """TF-IDF of words and phrases and logistic regression (of values: ridge regression), fitted by scikit-learn. Answers are computed from its numbers
    by NumPy. The two texts of a pair have weights of their own."""

    baseline: Literal["tfidf"] = "tfidf"
    words: Annotated[int, Field(ge=1, le=5)] = 2
    """Terms are single words and phrases of up to so many."""
    min_rows: Annotated[int, Field(ge=1)] = 2
    """Terms in fewer training texts are left out; the two texts of a pair count as two."""
    inverse_strengths: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.3, 1, 3, 10, 30, 100]
    """Of regularisation (scikit-learn's C; alpha of ridge regression is 1 / (2C)). The one with the least loss on validation is used."""

    def fit(self, rows: Rows) -> Fitted:
        from . import fit

        return fit.fit(self, rows)

    def answer(self, fitted: Fitted) -> Answer:
        from . import answer

        return answer.answer(fitted)
