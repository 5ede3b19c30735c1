"""The settings of acceptance: how far a quantized model may be from the float model that it was made from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgemin.study.base import Strict

Share = Annotated[float, Field(ge=0, le=1)]


class Acceptance(Strict):
    """Limits of a quantized cell against its float parent, on validation and for each seed. A cell fails where a measure is beyond its limit by more than chance; `null` switches a limit off."""

    drop: Annotated[float, Field(ge=0)] | None = 0.01
    """The metric may be so much lower, in units of the metric: 0.01 is one point of accuracy."""
    agreement: Share | None = 0.95
    """At least this share of the texts is answered as the parent answers; where it gives two classes the same probability within 0.05, either will do. Of a regression: share of the variance of the parent's answers that is reproduced."""
    divergence: Annotated[float, Field(ge=0)] | None = 0.03
    """The mean Kullback-Leibler divergence of its probabilities from the parent's may be so large, in nats. Of a regression: share of the variance of the parent's answers that is not reproduced."""
    recall: Share | None = 0.05
    """The recall of each class may be so much lower. Not for regressions."""
    calibration: Share | None = 0.02
    """The expected calibration error may be so much higher. Not for regressions."""
    confident_changes: Share | None = 0.005
    """Of the three quarters of the texts of which the parent is surest, at most this share is answered otherwise, though the parent's answer had a lead of 0.2 or more in probability. Of a regression: share of all answers that moved by more than half a standard deviation of the parent's."""

    @property
    def limits(self) -> dict[str, float]:
        """Measure -> its limit, of those that are on."""
        return {name: value for name, value in self.model_dump().items() if value is not None}
