"""Class labels: names or indices in a file, indices in a `ClassLabel` feature."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from datasets import ClassLabel

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import excerpt, line
from edgemin.data.values import called, each, refusal
from edgemin.study.names import spelt, written
from edgemin.study.task import SignOf, Task

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TRUTH = (("1", "True", "true", "TRUE"), ("0", "False", "false", "FALSE"))
_MOST = 1000
"""Classes; more values than that are numbers."""


def read(values: pd.Series, where: str, column: str) -> pd.Series:
    """Class names, or indices as text: `1`, `1.0` and `"1"` are one class.

    Raises EdgeminError, naming column and row, for what names no class, and for a column that mixes texts, numbers and
    truth values.
    """
    texts = each(values, _class_name, where, column)
    sorts = [called(value) for value in values]
    if len(set(sorts)) > 1:  # "1" beside 1 is a number in quotes
        sorts = ["a number" if _NUMBER.fullmatch(text) else sort for sort, text in zip(sorts, texts, strict=True)]
    for row, sort in enumerate(sorts):
        if sort != sorts[0]:
            raise EdgeminError(
                f"{where}: column '{column}': data row {row + 1} holds {sort} ({excerpt(values[row])}), the rows before {sorts[0]}s "
                f"({excerpt(values[0])}); write all labels alike"
            )
    return pd.Series(texts, index=values.index, dtype=object)


def _class_name(value: Any) -> str:
    if isinstance(value, list | tuple | set):
        raise refusal(value, "one class; several classes at once would be a kind of task of its own: see docs/extending.md")
    text = str(value) if isinstance(value, bool) else written(value)
    if not isinstance(text, str):
        raise refusal(value, "the name of a class; write it as text")
    return spelt(text)


def names(task: Task, labels: pd.Series) -> list[str]:
    """The label names of the study; else the sorted values. Raises EdgeminError for only one value, or far too many."""
    if task.label_names:
        return list(task.label_names)
    if isinstance(task.label, SignOf):
        return ["negative", "positive"]
    values = sorted(set(labels), key=_by_number)
    if len(values) < 2:
        raise EdgeminError(f"train split: one label value only ({line(str(values))[:80]}); a classifier needs two")
    if len(values) > _MOST:
        raise EdgeminError(f"train split: {len(values)} label values; for regression set metric: pearson or spearman")
    return values


def _by_number(name: str) -> tuple[bool, int, str]:
    """Sorts 2 before 10, and numbers before words."""
    number = name.isascii() and name.isdigit() and len(name) < 20
    return not number, int(name) if number else 0, name


def by_name(values: pd.Series, names: list[str]) -> bool:
    """Where labels can be both, names and indices, they are names."""
    return set(values) <= set(_known(names))


def _known(names: list[str]) -> dict[str, int]:
    """Class index by what a file may say. Of two classes that are called by 1 and 0, true and false, each is known by both."""
    known = {spelt(name): index for index, name in enumerate(names)}
    if len(names) == 2 and all(any(name in words for words in _TRUTH) for name in known):
        for words in _TRUTH:
            if len(at := {known[word] for word in words if word in known}) == 1:
                known |= dict.fromkeys(words, at.pop())
    return known


def encode(values: pd.Series, names: list[str], by_name: bool, where: str) -> pd.Series:
    """Class indices. by_name: labels are `names`, as those of the training split are; else they are indices into them."""
    known = _known(names if by_name else [str(index) for index in range(len(names))])
    outside = sorted(set(values) - set(known))
    if outside:
        raise EdgeminError(
            f"{where}: label {excerpt(outside[0])} is neither one of the label_names ({', '.join(names)}) "
            f"nor an index below {len(names)}, as the training split's labels are; correct label_names in the study"
        )
    return values.map(known).astype(int)


def feature(names: list[str]) -> ClassLabel:
    return ClassLabel(names=names)


def strata(values: pd.Series) -> pd.Series:
    return values


def check(values: pd.Series, names: list[str]) -> None:
    present = set(np.unique(values))
    for index, name in enumerate(names):
        if index not in present:
            raise EdgeminError(f"train split: no row of class '{name}'; add some, or drop it from label_names")


def counts(values: pd.Series) -> dict[int, int]:
    return values.value_counts().sort_index().to_dict()
