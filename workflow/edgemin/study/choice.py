"""How one stage of a ladder was chosen, on validation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgemin.study.base import Name, Strict


class Choice(Strict):
    """Alternatives for one stage, the rule that chooses among them on validation, and the one that was chosen."""

    asks: Annotated[str, Field(min_length=1)]
    """The stage or parameter that is chosen."""
    among: Annotated[list[Name], Field(min_length=2)]
    """Cells, the alternatives."""
    chosen: Name
    """The one that the study goes on with. The table says whether it is the one that wins here."""
    by: Literal["quality", "smaller", "fewer", "faster"] = "quality"
    """`quality`: highest on validation. Else, of those that lose little: the `smaller` in bytes, `fewer` weights that take part in inference, the
    `faster`."""
    below: Name | None = None
    """With any other `by`: the cell below which they may lose `within`."""
    within: Annotated[float, Field(ge=0)] | None = None
    """In units of the metric: 0.005 is half a point of accuracy. Compared with the mean over seeds."""

    @model_validator(mode="after")
    def _a_rule(self) -> Choice:
        if self.chosen not in self.among:
            raise ValueError(f"chosen: '{self.chosen}' is not one of `among`")
        limits = [key for key in ("below", "within") if getattr(self, key) is not None]
        if self.by == "quality" and limits:
            raise ValueError(f"{' and '.join(limits)} mean nothing with `by: quality`, which takes the highest; take them out")
        if self.by != "quality" and len(limits) < 2:
            raise ValueError(f"by: {self.by} needs `below`, a cell, and `within`, how much may be lost below it")
        return self

    @property
    def cells(self) -> list[str]:
        """All that are compared, each once; the one that they may not fall below last."""
        return list(dict.fromkeys([*self.among, *([self.below] if self.below else [])]))
