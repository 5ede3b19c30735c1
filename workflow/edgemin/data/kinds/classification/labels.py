"""Class labels: names or indices in a file, indices in a `ClassLabel` feature."""

from __future__ import annotations

import numpy as np
import pandas as pd
from datasets import ClassLabel

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import found as shown
from edgemin.core.messages import line
from edgemin.study.task import SignOf, Task

_MOST = 1000
"""Classes; more values than that are numbers."""


def read(values: pd.Series, where: str, column: str) -> pd.Series:
    """Class names, or indices as text: `1`, `1.0` and `"1"` are one class."""
    return values.map(_class_name)


def _class_name(value: object) -> str:
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def names(task: Task, found: pd.Series) -> list[str]:
    """Those of the study; else the sorted values. Raises EdgeminError for one value only, or far too many."""
    if task.label_names:
        return list(task.label_names)
    if isinstance(task.label, SignOf):
        return ["negative", "positive"]
    values = sorted(set(found), key=_by_number)
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
    return set(values) <= set(names)


def encode(values: pd.Series, names: list[str], by_name: bool, where: str) -> pd.Series:
    """Class indices. by_name: labels are `names`, as those of the training split are; else they are indices into them."""
    known = {name: index for index, name in enumerate(names)} if by_name else {str(index): index for index in range(len(names))}
    outside = sorted(set(values) - set(known))
    if outside:
        raise EdgeminError(
            f"{where}: label {shown(outside[0])} is neither one of the label_names ({', '.join(names)}) "
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
