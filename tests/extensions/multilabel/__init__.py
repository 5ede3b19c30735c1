"""Any number of classes. An example of a kind of task, which a test adds to a copy of the project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from edgemin.study.base import refuses
from edgemin.study.kind import Kind, Labels, Losses, Scores, share

if TYPE_CHECKING:
    from edgemin.study.task import Task


class MultiLabel(Kind):
    """Each text has any number of the classes; in a file their names stand side by side: `short;positive`."""

    name = "multilabel"
    metrics = (share("exact_match"), share("micro_f1"))
    problem_type = "multi_label_classification"
    classes = False
    divergence = "mean KL of each class, nats"

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
        if not task.label_names:
            yield f"label_names missing: the metric '{task.metric}' is of texts with several classes; name them all"
