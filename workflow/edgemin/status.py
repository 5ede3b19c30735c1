"""How far a study is: which cells are done, running, failed or waiting, and about how long the rest takes.

    python -m edgemin.status config/config.yaml

Reads files alone: outputs, the logs of jobs, and the seconds that Snakemake noted of earlier ones.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemin.chains import Chain
from edgemin.command import tell
from edgemin.plan import CHECKPOINT, QUANTIZED_ONNX, Plan

STATES = ("running", "failed", "interrupted", "waiting", "done")


@dataclass(frozen=True)
class Job:
    """One that a cell needs."""

    kind: str
    """Stage or measurement."""
    name: str
    """Where its log and its seconds stand, below `logs/` and `benchmarks/`."""
    outputs: tuple[str, ...]

    def state(self, root: Path, since: float) -> tuple[str, str]:
        """Its state, and the last line of its log. since: when Snakemake began to work in this folder; what was written before
        is left from an earlier run."""
        if all(Path(output).exists() for output in self.outputs):
            return "done", ""
        log = root / "logs" / f"{self.name}.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        last = lines[-1] if lines else ""
        if not last or " done in " in last:
            return "waiting", ""
        if " error: " in last:
            return "failed", last
        return "running" if log.stat().st_mtime >= since else "interrupted", last

    def seconds(self, root: Path) -> float | None:
        """What Snakemake noted of it; None where it has not run."""
        file = root / "benchmarks" / f"{self.name}.tsv"
        if not file.is_file():
            return None
        head, *rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
        return float(rows[-1][head.index("s")]) if rows else None


def jobs_of(plan: Plan, cell: str) -> list[Job]:
    """Everything between the task's data and the measurements of a cell."""
    return list(dict.fromkeys(_jobs(plan, cell)))


def _jobs(plan: Plan, cell: str) -> Iterator[Job]:
    study, last = plan.study, plan.study.chain(cell)
    for task in study.tasks:
        for seed in study.seeds:
            for chain in last.prefixes:
                yield _model(plan, task, seed, chain)
            where = f"{task}/seed{seed}"
            for runtime in study.runtimes_of(last):
                exported = plan.float_of(last)
                if runtime == "onnxruntime":
                    graph = f"{plan.model(task, seed, exported)}/model.onnx"
                    yield Job("export", f"models/{where}/{exported}/export", (graph,))
                for kind in ("quality", "size", "latency"):
                    output = f"{plan.measured(task, seed, last, runtime)}/{kind}.json"
                    yield Job(kind, f"measurements/{where}/{last}/{runtime}/{kind}", (output,))


def _model(plan: Plan, task: str, seed: int, chain: Chain) -> Job:
    names = QUANTIZED_ONNX if chain.quantized and plan.study.variant(chain).backend == "onnxruntime" else CHECKPOINT
    folder = plan.model(task, seed, chain)
    kind = chain.last.stage if chain.last else "teacher"
    return Job(kind, f"models/{task}/seed{seed}/{chain}", tuple(f"{folder}/{name}" for name in names))


def report(plan: Plan, working: Path = Path()) -> str:
    """The whole answer. working: where Snakemake runs, with its .snakemake folder."""
    root = Path(plan.root)
    locks = (working / ".snakemake" / "locks").glob("*")
    since = max((lock.stat().st_mtime for lock in locks), default=math.inf)
    jobs = {cell: jobs_of(plan, cell) for cell in plan.study.cells}
    states = {job: job.state(root, since) for found in jobs.values() for job in found}
    seconds = _expected(states, root)
    lines: dict[str, list[str]] = {state: [] for state in STATES}
    for cell, found in jobs.items():
        state = min((states[job][0] for job in found), key=STATES.index)
        count = sum(states[job][0] == "done" for job in found)
        told = "; ".join(f"{job.kind}: {states[job][1]}" for job in found if states[job][1])
        lines[state].append(f"{state:<12}{cell:<28}{count} of {len(found)} jobs{'; ' + told if told else ''}")
    counts = ", ".join(f"{len(lines[state])} {state}" for state in reversed(STATES) if lines[state])
    default = {job for cell in plan.study.default_cells() for job in jobs[cell]}
    left = [
        f"about {_duration(default, states, seconds)} left by default",
        f"{_duration(states, states, seconds)} for all cells",
    ]
    head = f"study {plan.study.study}: {len(jobs)} cells: {counts}; {', '.join(left)}"
    return "\n".join([head, *(line for state in STATES for line in lines[state])])


def _expected(states: dict[Job, tuple[str, str]], root: Path) -> dict[str, float]:
    """Kind -> mean seconds of the jobs of that kind that have run."""
    found: dict[str, list[float]] = {}
    for job in states:
        if (seconds := job.seconds(root)) is not None:
            found.setdefault(job.kind, []).append(seconds)
    return {kind: sum(values) / len(values) for kind, values in found.items()}


def _duration(
    jobs: Sequence[Job] | set[Job] | dict[Job, tuple[str, str]], states: dict[Job, tuple[str, str]], seconds: dict[str, float]
) -> str:
    """Of those that are not done, one after the other; says how many are of kinds that have not run yet."""
    open_jobs = [job for job in jobs if states[job][0] != "done"]
    total = sum(seconds.get(job.kind, 0) for job in open_jobs)
    unknown = sum(job.kind not in seconds for job in open_jobs)
    hours, minutes = divmod(round(total / 60), 60)
    return f"{hours}:{minutes:02d} h" + (f" and {unknown} jobs of unknown length" if unknown else "")


def main(arguments: Sequence[str]) -> int:
    """Print the report of a study file."""
    return tell(arguments, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
