"""Numbers, stored as float64."""

from __future__ import annotations

import pandas as pd
from datasets import Value

from edgemin.data.numbers import numbers_of
from edgemin.study.task import Task


def read(values: pd.Series, where: str, column: str) -> pd.Series:
    return numbers_of(values, where, column)


def names(task: Task, labels: pd.Series) -> None:
    return None


def by_name(values: pd.Series, names: None) -> bool:
    return False


def encode(values: pd.Series, names: None, by_name: bool, where: str) -> pd.Series:
    return values


def feature(names: None) -> Value:
    return Value("float64")


def strata(values: pd.Series) -> None:
    return None


def check(values: pd.Series, names: None) -> None:
    return None


def counts(values: pd.Series) -> None:
    return None
