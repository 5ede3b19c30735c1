"""Any study made small, and run: tiny random encoders, a few dozen rows, one epoch, a cell for each kind of thing. Offline, in minutes.

edgemin smoke config/study.yaml
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgemin.cli import status
from edgemin.cli.preloaded.running import snakemake
from edgemin.cli.smaller.study import Small, write_small
from edgemin.core.environment import PACKAGE
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.plan import checks
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study
from edgemin.study.study import Study

WORDS = "run a small copy of a study, everything in it, offline and in minutes: a check of variants of your own"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("study", help="a study file")
    parser.add_argument(
        "--out", metavar="FILE", help="where the small study is written; default: results/smoke_of_STUDY/smoke.yaml"
    )
    parser.add_argument("--cores", default="all", help="of Snakemake; default: all")
    parser.add_argument("-n", "--dry-run", action="store_true", help="write it and plan its jobs, and run none")
    parser.add_argument(
        "--separate", action="store_true", help="a process of its own for each job, as in a real run: slower, and nothing shared"
    )


def answer(asked: argparse.Namespace) -> int:
    """Write the small study, run it, and print a line for each cell. 0: all is there; 1: something failed."""
    where = snakefile()
    study = read_study(asked.study)
    small = write_small(study, asked.study, Path(asked.out) if asked.out else None)
    plan = Plan(small.study)
    checks.check_machine(plan)
    print(introduction(small), flush=True)
    began, started, before = time.time(), time.monotonic(), _cpu()
    arguments = ["--cores", asked.cores, *where, "--configfile", str(small.file), "--keep-going"]
    cells = [f"cell_{cell}" for cell in small.study.cells]  # whole, also where no table reads all that is measured
    arguments += [*(["-n"] if asked.dry_run else []), "--", "everything", *cells]
    code = snakemake(arguments, shared=not (asked.separate or asked.dry_run))
    if asked.dry_run:
        return int(code != 0)
    lines = list(summary(plan))
    wall, processors = time.monotonic() - started, _cpu() - before
    failed = sum(not line.startswith("done") for line in lines)
    print("\n".join([*lines, *variants(small.study)]))
    how = (
        "all done"
        if not (code or failed)
        else f"{failed} not done"
        if failed
        else "cells are done, but not all tables; see above"
    )
    print(
        f"{len(lines)} cells, {how}; {jobs_since(began, Path(plan.paths.root))} jobs in {wall:.0f} s with --cores {asked.cores}, {processors:.0f} s of processors"
    )
    return int(bool(code or failed))


def snakefile() -> list[str]:
    """Options that name the Snakefile where it is not in this folder: that of the clone whose package runs."""
    if Path("Snakefile").is_file():
        return []
    file = PACKAGE.parents[1] / "Snakefile"
    if not file.is_file():
        raise EdgeminError(f"{file}: no such file; install the package from a clone of the repository, with make")
    return ["--snakefile", str(file)]


def introduction(small: Small) -> str:
    """What was written, and what was left out."""
    study = small.study
    count = len(study.cells)
    lines = [
        f"written: {small.file}: {count} of {count + len(small.left_out)} cells have every variant that differs in more than a number"
    ]
    lines += [
        f"{name}: nobody says its family before it is fetched, so BERT is taken; name it (`family`)" for name in small.unnamed
    ]
    return "\n".join(lines)


def summary(plan: Plan) -> Iterator[str]:
    """A line for each cell: done, with what was measured, or the steps that are missing."""
    for cell, steps in status.steps_of(Jobs(plan), plan, plan.study.cells, whole=True).items():
        missing = [step for step in steps if step.state(float("inf"))[0] != "done"]
        if missing:
            reasons = [f"{step.kind}{f' ({words})' if (words := step.state(float('inf'))[1]) else ''}" for step in missing]
            yield f"failed  {cell:<32}{', '.join(dict.fromkeys(reasons))}"
        else:
            yield f"done    {cell:<32}{', '.join(_measured(plan, cell))}"


def _measured(plan: Plan, cell: str) -> Iterator[str]:
    """Metric and bytes of each task, in the first runtime."""
    chain = plan.study.chain(cell)
    for name, task in plan.study.tasks.items():
        folder = Path(plan.paths.measured(name, plan.study.seeds[0], chain, plan.study.runtimes_of(chain)[0]))
        value = read_json(folder / "quality.json")["splits"]["test"][task.metric]
        yield f"{name} {task.metric} {value:.3f}, {read_json(folder / 'size.json')['bytes']:,} bytes"


def variants(study: Study) -> Iterator[str]:
    """A line for each stage, and for what else is in the small study."""
    named = {**{stage: list(by_name) for stage, by_name in study.variants().items()}, "baselines": list(study.baselines)}
    named |= {"cascades": list(study.cascades), "runtimes": list(study.runtimes)}
    for kind, names in named.items():
        if names:
            yield f"{kind:<12}{len(names):>3}: {', '.join(names)}"


def jobs_since(moment: float, root: Path) -> int:
    """How many jobs have run: those of the folder of a study whose log is from `moment` (seconds since the epoch) or later."""
    return sum(file.stat().st_mtime >= moment for file in (root / "logs").rglob("*.log") if file.name != "study.log")


def _cpu() -> float:
    """Seconds of processors of children that have ended."""
    times = os.times()
    return times.children_user + times.children_system
