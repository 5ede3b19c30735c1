"""Put what a bundle's bench.py measured on another machine on the page of its study."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.core.recorded import record
from edgemin.plan.page import elsewhere_of
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

TIMES = ("p50_ms", "p90_ms", "p99_ms", "cold_start_ms", "peak_mb")
TEXTS = ("study", "cell", "what", "measured_at")
REMEDY = "run bench.py of the bundle again"
WORDS = "put what a bundle's bench.py measured elsewhere on the page of its study"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add = parser.add_subparsers(dest="what", required=True).add_parser("add", help=WORDS)
    add.add_argument("study", help="file of the study")
    add.add_argument("file", help="bench.json")


def answer(asked: argparse.Namespace) -> int:
    file = add(Plan(read_study(asked.study)), Path(asked.file))
    print(f"{file}: added; the next run of the study puts it on its page")
    return 0


def add(plan: Plan, file: Path) -> Path:
    """The file's copy among the results; the same one is there once. Raises EdgeminError for a file that is none of bench.py, and for a model that
    is none of the study's."""
    if not file.is_file():
        raise EdgeminError(f"{file}: no such file; name the bench.json that bench.py wrote")
    bench = read_json(file, REMEDY)
    _check(bench, file)
    if bench["study"] != plan.study.study:
        raise EdgeminError(f"{file}: is of the study {bench['study']}, not of {plan.study.study}; name that study's file")
    if bench["cell"] in plan.study.cascades:
        raise EdgeminError(
            f"{file}: is of a cascade, and the page shows times of single models; bench a bundle of one of its cells"
        )
    if "against" in bench:
        raise EdgeminError(
            f"{file}: its model took turns with another, and the page shows times of a model by itself; run bench.py without --against"
        )
    if bench["cell"] not in plan.study.cells:
        raise EdgeminError(f"{file}: {plan.study.no_cell('cell', bench['cell'])}")
    if not any(one.is_file() and sha256(one) == bench["sha256"]["model.onnx"] for one in _models(plan, bench["cell"])):
        raise EdgeminError(
            f"{file}: its model is none that is here for cell {bench['cell']}: another run's, or another seed's; bench a bundle of these results"
        )
    target = Path(elsewhere_of(plan), f"{bench['cell']}-{sha256(file)[:12]}.json")
    write_json(target, bench)
    record([target])
    return target


def _check(bench: Any, file: Path) -> None:
    numbers = isinstance(bench, Mapping) and all(
        isinstance(bench.get(name), int | float) and math.isfinite(bench[name]) and bench[name] > 0
        for name in (*TIMES, "threads")
    )
    if not numbers or not all(isinstance(bench.get(name), str) for name in TEXTS):
        raise EdgeminError(f"{file}: is not what bench.py writes; {REMEDY}")
    if not isinstance(bench.get("sha256"), Mapping) or not isinstance(bench.get("host"), Mapping) or "cpu" not in bench["host"]:
        raise EdgeminError(f"{file}: names no model or no machine; {REMEDY}")


def _models(plan: Plan, cell: str) -> Iterator[Path]:
    """Graphs of a cell, in bundles or beside the checkpoints."""
    for task in plan.study.tasks:
        for seed in plan.study.seeds:
            yield Path(plan.bundle(task, cell, seed), "model.onnx")
            yield Path(plan.paths.model(task, seed, plan.study.chain(cell)), "model.onnx")
