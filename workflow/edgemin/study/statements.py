"""Statements of the literature, as a study puts them to the test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgemin.study.base import Name, Strict


class Comparison(Strict):
    """Two cells, and on which side of a bound the second is to be of the first."""

    cell: Name
    """What the statement speaks of."""
    than: Annotated[list[Name], Field(min_length=1)]
    """What it is compared with; of several the statement has to hold against each."""
    by: Literal["quality", "smaller", "fewer", "faster"] = "quality"
    """`quality`: difference of the metric. How many times: `smaller` in bytes, `fewer` weights that take part in inference, `faster`."""
    at_least: float | None = None
    """The statement says that it is not less (of bytes and weights, which are counted: that it is more); empty, and `at_most` too: 0 for quality, 1 for a ratio."""
    at_most: float | None = None
    """The statement says that it is not more (of what is counted: that it is less)."""

    @model_validator(mode="after")
    def _one_bound(self) -> Comparison:
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("has both at_least and at_most; write two comparisons")
        return self

    @property
    def bound(self) -> tuple[float, int]:
        """The bound, and the side of it: 1 above, -1 below."""
        if self.at_most is not None:
            return self.at_most, -1
        usual = 0.0 if self.by == "quality" else 1.0
        return usual if self.at_least is None else self.at_least, 1


class Statement(Strict):
    """A sentence of the literature that cells of the study can test."""

    says: Annotated[str, Field(min_length=1)]
    """The statement, in a sentence."""
    source: str = ""
    """The source of the statement."""
    shows: Annotated[list[Comparison], Field(min_length=1)]
    """What has to be seen if it is to hold."""
