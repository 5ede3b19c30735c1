"""Benchmarks as modules, and a study for them."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgemin.plan.plan import Plan
from edgemin.study.chains import Chain
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


def put(plan: Plan, chain: Chain, model: Path, tokens: Path, splits: Iterable[str]) -> Path:
    """A model's folder, and token files of the task snippets, where the plan has them for seed 0; returns that folder."""
    folder = Path(plan.paths.model("snippets", 0, chain))
    shutil.copytree(model, folder, dirs_exist_ok=True)
    for split in splits:
        file = Path(plan.tokens("snippets", chain, split))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((tokens / f"{split}.arrow").read_bytes())
    return folder
