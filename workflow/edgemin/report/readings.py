"""Three ways to compare a drop with its limit: the drop itself, its upper 80 % bound, the upper end of its 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgemin.report.statistics.twoway import Estimate

CONFIDENCE = 0.8
"""Of the one-sided bound of a drop. Docs/statistics.md: how often a limit is broken in truth with it, and without."""


@dataclass(frozen=True)
class Reading:
    """One value of the key `bound` of `recommend`."""

    words: str
    """Behind `by`."""
    confidence: float | None
    """One-sided; None: the drop itself."""

    def of(self, drop: Estimate, examples: int) -> float:
        """What the limit is compared with."""
        return drop.value if self.confidence is None else upper_bound(drop, examples, self.confidence)

    def least(self, examples: int) -> float:
        """The same for a cell whose answers on so many examples are those of the teacher: a lower limit lets no such cell pass."""
        return 0.0 if self.confidence is None else -math.log(1 - self.confidence) / examples


READINGS = {
    "point": Reading("the drop itself", None),
    "upper": Reading("the upper 80 % bound", CONFIDENCE),
    "interval": Reading("the 95 % interval", 0.975),
}


def upper_bound(drop: Estimate, examples: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of a drop. At least -ln(1 - confidence) / N above it, ln 5 / N at 80 %: so many answers may differ among others with
    that confidence, where none of N does (the rule of three is the same at 95 %)."""
    return max(drop.upper(confidence), drop.value - math.log(1 - confidence) / examples)
