"""The data of a study: sources, columns, splits, metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgemin.study import registry
from edgemin.study.base import AsBefore, Name, Seed, Strict
from edgemin.study.kind import Kind, kind_of, metric_names
from edgemin.study.names import spelt, written
from edgemin.study.sources import DataSource

if TYPE_CHECKING:
    MetricName = str
    KindName = str
else:
    MetricName = Literal[metric_names()]
    KindName = Literal[registry.KINDS.names()]

SPLITS = ("train", "validation", "test")
ClassName = Annotated[str, BeforeValidator(written, json_schema_input_type=str | float)]
TextColumns = str | Annotated[list[str], Field(min_length=2, max_length=2)]


class SignOf(Strict):
    """A binary label from a rating: 1 if positive, 0 if negative; rows with |rating| < dead_zone are dropped."""

    sign_of: str
    """Column of the rating; rows with a rating of exactly 0 are dropped."""
    dead_zone: Annotated[float, Field(ge=0)] = 0.0
    """Rows with a smaller |rating| are dropped."""


class Splits(Strict):
    """How splits that the source lacks are carved out of `train`, stratified by label: test first, then validation."""

    validation: Annotated[int, Field(ge=1)] = 1000
    """Rows of the validation split, where the source has none."""
    test: Annotated[int, Field(ge=1)] = 2000
    """Rows of the test split, where the source has none."""
    seed: Seed = 0
    """Seed of the drawing; not one of the study's `seeds`."""
    train: Annotated[int, Field(ge=1)] | None = None
    """Keep at most so many training rows (a stratified sample); empty: all."""


def columns_of(text: str | list[str]) -> list[str]:
    """One text column, or the two of a pair."""
    return [text] if isinstance(text, str) else list(text)


class TestSet(Strict):
    """A test set from elsewhere, with the classes of the task: its test split, or its only one. Nothing is trained or chosen on it."""

    source: DataSource
    """See Sources of data."""
    text: TextColumns | None = None
    """Empty: the columns of the task."""
    label: str | SignOf | None = None
    """Empty: as in the task. Labels are the task's `label_names`, or else their indices."""


class Task(Strict):
    """One task: where its rows come from, and what is asked of them."""

    source: DataSource
    """See Sources of data."""
    text: TextColumns
    """Text column, or the two columns of a sentence pair: `[premise, hypothesis]`."""
    label: str | SignOf
    """Label column, or a rule that makes a label of a rating: `{sign_of: rating, dead_zone: 0.5}`."""
    label_names: Annotated[list[ClassName], Field(min_length=2)] | None = None
    """Class names by index; numbers count as text. Labels in the data may be these names or their indices; where they can be both
    they are names. `1`, `1.0` and `"1"` are one class. Empty: the sorted label values of the training
    split; `negative`, `positive` for `sign_of`; nothing for regression."""
    splits: Splits = Splits()
    """Sizes of splits that the source lacks."""
    max_length: Annotated[int, Field(ge=4)] = 128
    """Longest input in tokens, special tokens included; longer texts are truncated."""
    metric: MetricName = "accuracy"
    """What quality means. It says which kind of task this is, unless `kind` does."""
    kind: Annotated[KindName | None, AsBefore(None)] = None
    """Kind of task, where several have this metric; empty: the kind that the metric belongs to."""
    out_of_domain: dict[Name, TestSet] = {}
    """Test sets of other kinds of text; nothing is trained or chosen on them."""

    @property
    def text_columns(self) -> list[str]:
        return columns_of(self.text)

    @property
    def asks(self) -> Kind:
        """Its kind."""
        return kind_of({"metric": self.metric, "kind": self.kind})

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.metric not in metric_names(self.asks):
            raise ValueError(
                f"metric: '{self.metric}' is none of a {self.asks.name}; known: {', '.join(metric_names(self.asks))}"
            )
        for problem in self.asks.problems(self):
            raise ValueError(problem)
        if self.label_names and len(set(map(spelt, self.label_names))) != len(self.label_names):
            raise ValueError("label_names: a name appears twice")
        if isinstance(self.label, SignOf) and self.label_names and len(self.label_names) != 2:
            raise ValueError("label: sign_of makes two classes; give two label_names")
        for name, test in self.out_of_domain.items():
            if test.text is not None and isinstance(test.text, str) != isinstance(self.text, str):
                raise ValueError(f"out_of_domain.{name}.text: give as many columns as the task has ({len(self.text_columns)})")
        return self
