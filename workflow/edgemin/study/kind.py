"""A kind of task: its labels, its losses, its scores and how they are printed. Settings half of `data.kinds`.

The computing half has three modules. A job imports only those that it needs:
`labels` (pandas and datasets: from a column of a file to a feature), `scores` (NumPy: answers compared with labels and with each
other), `losses` (PyTorch); and `answer.py`, a function that a bundle takes along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.base import refuses

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from edgemin.study.task import Task

    Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Metric:
    """The name and the printed form of a metric. Higher is better for every metric."""

    name: str
    label: str
    """With its unit, as in a table's head."""
    factor: float = 1
    """Printed value = measured value times this: 100 for per cent."""
    digits: int = 3
    """How it is usually printed; `report.number` says how tables show it."""
    unit: str = "correlation"
    """Of the measured value, in results.csv."""
    differing: bool = False
    """Undefined where all labels are alike: such a validation or test split is refused."""


def share(name: str) -> Metric:
    """A metric between 0 and 1 that is printed as per cent."""
    return Metric(name, f"{name} %", 100, 1, "share")


class Labels(Protocol):
    """From a label column to what training and measuring read."""

    def read(self, values: pd.Series, where: str, column: str) -> pd.Series:
        """Check and convert the labels of a file. Raises EdgeminError naming column and row."""

    def names(self, task: Task, labels: pd.Series) -> list[str] | None:
        """Class names by index, if there are classes. labels: result of `read` for the training split."""

    def encode(self, values: pd.Series, names: list[str] | None, by_name: bool, where: str) -> pd.Series:
        """What `read` gave -> what is stored. by_name: as the training split's labels are. Raises EdgeminError for another value."""

    def by_name(self, values: pd.Series, names: list[str] | None) -> bool:
        """Whether labels are written as names rather than as indices."""

    def feature(self, names: list[str] | None) -> Any:
        """The feature of the column `label` (`datasets`)."""

    def strata(self, values: pd.Series) -> pd.Series | None:
        """The classes by which splits are stratified; None: not stratified."""

    def check(self, values: pd.Series, names: list[str] | None) -> None:
        """Raises EdgeminError if the training split cannot teach every class."""

    def counts(self, values: pd.Series) -> dict[str, int] | None:
        """Rows of each class, for the report."""


class Scores(Protocol):
    """Answers (N, K) as logits, compared with labels (N, ...) and with each other."""

    def gold(self, column: Any) -> np.ndarray:
        """A column of stored labels -> array; what has no label gets the value that `Losses.loss` passes over."""

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """The prediction for each row: class index, or value."""

    def score(self, metric: str) -> Score:
        """The metric as score(labels, logits), quick enough to be called thousands of times."""

    def right(self, labels: np.ndarray, logits: np.ndarray) -> np.ndarray | None:
        """(..., N) of booleans: whether each answer is right; None where answers are more or less right. logits: (..., N, K)."""

    def mean_of(self, metric: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
        """For a metric that is a mean over examples: its value (..., N) for each; None for others."""

    def agreement(self, ours: np.ndarray, theirs: np.ndarray) -> float | None:
        """Share of the answers (..., N, K) that both decide alike; None where that means nothing."""

    def divergence(self, ours: np.ndarray, theirs: np.ndarray) -> float:
        """How far `theirs` is from `ours`, in the sense of the kind's soft loss; 0 where they are equal."""


class Losses(Protocol):
    """The losses of training. Tensors of logits (B, K)."""

    def loss(self, logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
        """The mean over the examples that have a label; 0 for a batch without one."""

    def soft_loss(self, student: torch.Tensor, teacher: torch.Tensor, temperature: float, form: str) -> torch.Tensor:
        """Distance of the predictions. form: `kl`, `mse` or `cross_entropy`, as far as the kind has them."""


class Kind:
    """One kind of task."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    """The first one of all kinds that have a metric of a name is meant by the name alone."""
    problem_type: ClassVar[str]
    """Its name in a transformers config."""
    classes: ClassVar[bool]
    """Whether an answer is one of several classes."""
    divergence: ClassVar[str]
    """What `Scores.divergence` is, in words, with its unit."""

    def labels(self) -> Labels:
        raise NotImplementedError

    def scores(self) -> Scores:
        raise NotImplementedError

    def losses(self) -> Losses:
        raise NotImplementedError

    @refuses
    def problems(self, task: Task) -> Iterator[str]:
        """Settings of a task that do not fit its kind."""
        yield from ()

    def metric(self, name: str) -> Metric:
        return next(metric for metric in self.metrics if metric.name == name)


def kind_of(spec: Mapping[str, Any]) -> Kind:
    """The kind of task of a spec: `kind`, if it has that key, else the kind that `metric` belongs to."""
    if spec.get("kind"):
        kind: Kind = registry.KINDS[spec["kind"]]
        return kind
    return next(kind for kind in registry.KINDS.all().values() if spec["metric"] in metric_names(kind))


def metric_names(kind: Kind | None = None) -> tuple[str, ...]:
    """Of one kind, or of all, each once."""
    kinds = [kind] if kind else registry.KINDS.all().values()
    return tuple(dict.fromkeys(metric.name for one in kinds for metric in one.metrics))


def metric_of(name: str) -> Metric:
    """A metric by its name. Kinds with a metric of the same name share its form. Raises EdgeminError for an unknown name."""
    for kind in registry.KINDS.all().values():
        if name in metric_names(kind):
            metric: Metric = kind.metric(name)
            return metric
    raise EdgeminError(f"metric '{name}' is unknown; known: {', '.join(metric_names())}")
