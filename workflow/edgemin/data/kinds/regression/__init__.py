"""A number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from edgemin.study.base import refuses
from edgemin.study.kind import Kind, Labels, Losses, Metric, Scores

if TYPE_CHECKING:
    from edgemin.study.task import Task


class Regression(Kind):
    """Each text has a value."""

    name = "regression"
    metrics = (Metric("pearson", "pearson", differing=True), Metric("spearman", "spearman", differing=True))
    problem_type = "regression"
    classes = False
    divergence = "mean squared difference"

    def labels(self) -> Labels:
        from . import labels

        return cast(Labels, labels)

    def scores(self) -> Scores:
        from . import scores

        return cast(Scores, scores)

    def losses(self) -> Losses:
        from . import losses

        return cast(Losses, losses)

    @refuses
    def problems(self, task: Task) -> Iterator[str]:
        from edgemin.study.task import SignOf

        if task.label_names:
            yield f"label_names given for the regression metric '{task.metric}'; drop them or choose accuracy"
        if isinstance(task.label, SignOf):
            yield f"label: sign_of makes classes, but the metric '{task.metric}' is for regression"
