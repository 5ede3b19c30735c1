"""Transfer sets: the texts to distil on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from edgemin.study.base import Seed, Strict
from edgemin.study.sources import DataSource
from edgemin.study.task import TextColumns, columns_of


class Unlabelled(Strict):
    """Texts that need no label."""

    source: DataSource
    """See Sources of data; all of its splits are read."""
    text: TextColumns | None = None
    """Text column, or two for sentence pairs; empty: those of the task."""

    @property
    def columns(self) -> list[str]:
        assert self.text is not None
        return columns_of(self.text)


class Augment(Strict):
    """New sentences out of the training sentences (Tang et al. 2019, arXiv 1903.12136)."""

    mask: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance of a word to be masked."""
    replace: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance of a word to be replaced by one drawn from the training words."""
    ngram: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Chance of a sentence to be cut to some of its words in a row."""
    longest: Annotated[int, Field(ge=1)] = 5
    """Most words that such a cut leaves."""

    @model_validator(mode="after")
    def _chances_of_a_word(self) -> Augment:
        if self.mask + self.replace > 1:
            raise ValueError(f"mask {self.mask} and replace {self.replace} are chances of one word; make their sum 1 at most")
        return self


class Transfer(Strict):
    """A set of texts to distil on: the training rows, texts without a label, augmented sentences. Texts of the validation and
    test splits are left out."""

    unlabelled: list[Unlabelled] = []
    """Texts without a label."""
    dead_zone: bool = False
    """Add the task's rows whose rating lies in its dead zone."""
    augment: Augment | None = None
    """Fill up to `rows` with augmented training sentences."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Rows of the whole set. Without `augment`: at most so many."""
    seed: Seed = 0
    """Of sampling and augmentation."""

    @model_validator(mode="after")
    def _consistent(self) -> Transfer:
        if self.augment and self.rows is None:
            raise ValueError("augment: say with rows how large the set is to become")
        if not (self.unlabelled or self.dead_zone or self.augment):
            raise ValueError("adds nothing to the training rows; give unlabelled, dead_zone or augment")
        return self
