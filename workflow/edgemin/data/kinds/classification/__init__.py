"""One class of several."""

from __future__ import annotations

from typing import cast

from edgemin.study.kind import Kind, Labels, Losses, Metric, Scores, share


class Classification(Kind):
    """Each text has exactly one class."""

    name = "classification"
    metrics = (share("accuracy"), share("macro_f1"), Metric("matthews", "matthews", differing=True))
    problem_type = "single_label_classification"
    classes = True
    divergence = "mean KL, nats"

    def labels(self) -> Labels:
        from . import labels

        return cast(Labels, labels)

    def scores(self) -> Scores:
        from . import scores

        return cast(Scores, scores)

    def losses(self) -> Losses:
        from . import losses

        return cast(Losses, losses)
