"""Benchmarks as modules, and a study for them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@contextmanager
def bench(name: str) -> Iterator[Any]:
    """The module benchmarks/{name}.py, which finds those beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module(name)


def plan_of(study: Mapping[str, Any]) -> Plan:
    """Of study.yaml, written into the working directory."""
    Path("study.yaml").write_text(yaml.safe_dump(dict(study)), encoding="utf-8")
    return Plan(read_study("study.yaml"))
