"""Names joined by semicolons in a file, a vector of zeros and ones in the data."""

from __future__ import annotations

import pandas as pd
from datasets import List, Value

from edgemin.core.errors import EdgeminError
from edgemin.study.task import Task


def read(values: pd.Series, where: str, column: str) -> pd.Series:
    return values.map(lambda value: tuple(sorted(filter(None, map(str.strip, str(value).split(";"))))))


def names(task: Task, labels: pd.Series) -> list[str]:
    return list(task.label_names or ())


def by_name(values: pd.Series, names: list[str]) -> bool:
    return True


def encode(values: pd.Series, names: list[str], by_name: bool, where: str) -> pd.Series:
    outside = sorted({name for names_of_row in values for name in names_of_row} - set(names))
    if outside:
        raise EdgeminError(f"{where}: label '{outside[0]}' is none of the label_names ({', '.join(names)}); correct the study")
    return values.map(lambda row: [int(name in row) for name in names])


def feature(names: list[str]) -> List:
    return List(Value("int8"))


def strata(values: pd.Series) -> None:
    return None


def check(values: pd.Series, names: list[str]) -> None:
    for name, count in counts(values).items():
        if not count:
            raise EdgeminError(f"train split: no row of class '{names[name]}'; add some, or drop it from label_names")


def counts(values: pd.Series) -> dict[int, int]:
    return dict(enumerate(map(sum, zip(*values, strict=True))))
