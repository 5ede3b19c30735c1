"""How long a study takes on 2, 8 and 32 cores, from the seconds that its jobs took here: a simulated schedule.

A job begins when what it reads is there and its cores are free; of several that could, the one with the longest way to the end, rounds of
latency last and each alone, as in the workflow. Left out: memory, the disk, Snakemake's own time, and that a busy machine slows its jobs.

.venv/bin/python benchmarks/schedule.py config/quick.yaml
.venv/bin/python benchmarks/schedule.py config/quick.yaml --threads 1 --times 1.75   # trainings of one thread, 1.75 times as long
"""

from __future__ import annotations

import argparse
import heapq
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemin.cli.status import noted
from edgemin.core.errors import EdgeminError
from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.base import Job
from edgemin.plan.jobs.measuring import MeasureQuality, MeasureRound
from edgemin.plan.jobs.models import CacheTeacher, QuantizeModel, Training
from edgemin.plan.lineage import Lineage, Wildcards, listed
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

CORES = (2, 8, 32)
_DONE = re.compile(r" done in (\d+) s$")


@dataclass(frozen=True)
class Task:
    """A job of the schedule."""

    seconds: float
    threads: int | None
    """Cores that it holds; None: all of them."""
    after: tuple[str, ...] = ()
    """Names of the jobs whose files it reads."""


@dataclass(frozen=True)
class Schedule:
    """What came out."""

    makespan: float
    critical: float
    """Seconds of the longest way from the first job to the last: no number of cores makes it shorter."""
    idle: float
    """Share of the cores' time in which they do nothing. A job that holds more cores than it uses is idle on the others."""


def simulate(tasks: Mapping[str, Task], cores: int) -> Schedule:
    """tasks: in an order in which each comes after those that it reads."""
    way = _ways(tasks)
    waiting = {name: {other for other in task.after if other in tasks} for name, task in tasks.items()}
    ready, running = {name for name, others in waiting.items() if not others}, []
    now, free, used = 0.0, cores, 0.0
    while ready or running:
        for name in sorted(ready, key=lambda name: (tasks[name].threads is None, -way[name], name)):
            wanted = cores if tasks[name].threads is None else min(cores, tasks[name].threads or 1)
            if wanted <= free:
                ready.discard(name)
                free -= wanted
                used += tasks[name].seconds * (1 if tasks[name].threads is None else wanted)
                heapq.heappush(running, (now + tasks[name].seconds, name, wanted))
        now, name, held = heapq.heappop(running)
        free += held
        for other, left in waiting.items():
            if name in left:
                left.discard(name)
                if not left:
                    ready.add(other)
    return Schedule(now, max(way.values(), default=0.0), 1 - used / (cores * now) if now else 0.0)


def _ways(tasks: Mapping[str, Task]) -> dict[str, float]:
    """Seconds from the beginning of each job to the end of the last that waits for it."""
    way = {name: task.seconds for name, task in tasks.items()}
    for name in reversed(tasks):
        for other in tasks[name].after:
            if other in way:
                way[other] = max(way[other], tasks[other].seconds + way[name])
    return way


def tasks_of(study: str, threads: int | None = None, times: float = 1.0) -> tuple[dict[str, Task], int]:
    """The jobs of a study's tables and page, and how many of them have not run here: those take as long as others of their rule. threads: of
    trainings, other than in the study; times: how many times as long they then take."""
    plan = Plan(read_study(study))
    jobs = Jobs(plan)
    lineage = Lineage(plan, jobs.all())
    found: dict[str, tuple[Job, Wildcards, tuple[str, ...]]] = {}

    def visit(file: str) -> str | None:
        """Depth first, so that a job comes after those that it reads."""
        made = lineage.made_by(file)
        if made is None:
            return None
        job, wildcards = made[0], Wildcards(**made[1])
        name = " ".join([job.rule, *(f"{key}={value}" for key, value in sorted(made[1].items()))])
        if name not in found:
            read = [visit(one) for one in listed(job.inputs(wildcards))]
            found[name] = (job, wildcards, tuple(dict.fromkeys(one for one in read if one)))
        return name

    for job in jobs.reports():
        for file in listed(job.outputs):
            visit(file)
    took = {name: _seconds(job, wildcards) for name, (job, wildcards, _) in found.items()}
    known: dict[str, list[float]] = {}
    for name, (job, _, _) in found.items():
        if (seconds := took[name]) is not None:
            known.setdefault(job.rule, []).append(seconds)
    missing = [name for name, seconds in took.items() if seconds is None]
    unknown = sorted({found[name][0].rule for name in missing} - set(known))
    if unknown:
        raise EdgeminError(f"{study}: no {', '.join(unknown)} has run here; run the study first: make tables STUDY={study}")
    tasks = {}
    for name, (job, _, after) in found.items():
        seconds = took[name]
        mean = sum(known[job.rule]) / len(known[job.rule])
        task = Task(mean if seconds is None else seconds, _threads(job), after)
        tasks[name] = Task(task.seconds * times, threads, after) if threads and _trains(job) else task
    return tasks, len(missing)


def _seconds(job: Job, at: Wildcards) -> float | None:
    """As Snakemake noted them; of kinds that it does not time, as the job's log has them."""
    timed, log = (Path(file.format(**vars(at))) for file in (job.benchmark, job.log))
    if (seconds := noted(timed)) is not None:
        return seconds
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    done = [found for line in lines if (found := _DONE.search(line))]
    return float(done[-1][1]) if done else None


def _threads(job: Job) -> int | None:
    """As the rules say it."""
    if isinstance(job, MeasureRound):
        return None
    if _trains(job):
        return job.study.threads.training
    return job.study.threads.inference if isinstance(job, MeasureQuality) else 1


def _trains(job: Job) -> bool:
    """Whether it computes on the threads of trainings; quantizing does where it trains."""
    return isinstance(job, CacheTeacher) or (isinstance(job, Training) and (not isinstance(job, QuantizeModel) or job.trained))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study", help="a study that has run in this folder")
    parser.add_argument("--threads", type=int, help="of trainings, other than in the study")
    parser.add_argument("--times", type=float, default=1.0, help="how many times as long a training takes with these")
    asked = parser.parse_args(arguments)
    try:
        tasks, missing = tasks_of(asked.study, asked.threads, asked.times)
    except EdgeminError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{asked.study}: {len(tasks)} jobs, {missing} of them by the mean of their rule; {sum(one.seconds for one in tasks.values()):.0f} s in all"
    )
    print("| cores | makespan s | critical path s | idle % |\n|---|---|---|---|")
    for cores in CORES:
        found = simulate(tasks, cores)
        print(f"| {cores} | {found.makespan:.0f} | {found.critical:.0f} | {100 * found.idle:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
