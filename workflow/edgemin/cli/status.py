"""How far a study is: which cells are done, running, failed or waiting, and about how long the rest takes.

Reads files alone: outputs, the logs of jobs, and the seconds that Snakemake noted of earlier ones. With which settings a file was made none of them
tells: what is there counts as done. A job that was killed left no word, and runs until Snakemake ends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.base import Job
from edgemin.plan.plan import Plan
from edgemin.plan.records import needed_of
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.floor import NUMPY, chain_of
from edgemin.study.table import LATENCY
from edgemin.study.timed import Timed

STATES = ("running", "failed", "interrupted", "waiting", "done")


def tells_failure(last: str) -> bool:
    """Whether the last line of a log says that the job has failed, with a message or a traceback."""
    return " error: " in last or "] failed: " in last


@dataclass(frozen=True)
class Step:
    """A job that a cell needs."""

    kind: str
    """Stage or measurement."""
    log: str
    benchmark: str
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, job: Job, **wildcards: Any) -> Step:
        declared = job.outputs
        files = declared.values() if isinstance(declared, Mapping) else declared
        log, benchmark, *outputs = (one.format(**wildcards) for one in (job.log, job.benchmark, *files))
        return cls(kind, log, benchmark, tuple(outputs))

    def state(self, since: float) -> tuple[str, str]:
        """Its state, and the last line of its log. since: when Snakemake began to work in this folder; what was written before
        is left from an earlier run."""
        if all(Path(output).exists() for output in self.outputs):
            return "done", ""
        log = Path(self.log)
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        last = lines[-1] if lines else ""
        if not last or " done in " in last:
            return "waiting", ""
        if tells_failure(last):
            return "failed", last
        return "running" if log.stat().st_mtime >= since else "interrupted", last

    def seconds(self) -> float | None:
        """Seconds recorded by Snakemake; None if the job has not run."""
        return noted(Path(self.benchmark))


def noted(file: Path) -> float | None:
    """Seconds in a file that Snakemake noted; None where it is not there."""
    if not file.is_file():
        return None
    head, *rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return float(rows[-1][head.index("s")]) if rows else None


def steps_of(jobs: Jobs, plan: Plan, cells: Iterable[str], whole: bool = False) -> dict[str, list[Step]]:
    """Cell -> everything between the task's data and its measurements. Of a study without a page only what its tables read is measured, unless
    cells are asked for as a whole."""
    partly = _partly_taken(jobs)
    steps = {cell: list(dict.fromkeys(_steps(jobs, plan, plan.study.chain(cell), partly))) for cell in cells}
    if plan.study.page or whole:
        return steps
    read = set(needed_of(jobs.reports()))
    timed = any(file.endswith("/latency.json") for file in read)

    def wanted(step: Step) -> bool:
        if step.kind in ("round", "latency"):
            return timed
        return step.kind not in ("quality", "size") or not read.isdisjoint(step.outputs)

    return {cell: list(filter(wanted, of_cell)) for cell, of_cell in steps.items()}


def _steps(jobs: Jobs, plan: Plan, last: Chain, partly: Mapping[int, set[str]]) -> Iterator[Step]:
    for task in plan.study.tasks:
        for seed in plan.study.seeds:
            if seed in jobs.take_seeds:
                yield Step.of("record", jobs.take_seeds[seed])
            folders = {runtime: plan.paths.measured(task, seed, last, runtime) for runtime in plan.study.runtimes_of(last)}
            if not (runtimes := _measured_here(jobs, folders, seed, partly)):
                continue
            at = {"task": task, "seed": seed}
            for chain in last.prefixes:
                yield from _model(jobs, plan, chain, at)
            for runtime in runtimes:
                if registry.RUNTIMES[runtime].graph and not plan.study.static(last):  # static students bring theirs
                    yield Step.of("export", jobs.export_onnx, **at, parent=plan.float_of(last))
                for kind in ("quality", "size"):
                    yield Step.of(kind, getattr(jobs, f"measure_{kind}"), **at, chain=last, runtime=runtime)
                for chain in (
                    (Chain(), last) if plan.study.times(seed) else ()
                ):  # other cells' times are computed from the teacher's
                    yield from _latency(jobs, plan, {**at, "chain": chain, "runtime": runtime})


def _partly_taken(jobs: Jobs) -> dict[int, set[str]]:
    """Seed that is taken from a record -> the folders of measurements that are read of it; of one that is taken as a whole, none."""
    folders = {}
    for seed, job in jobs.take_seeds.items():
        files = [] if job.records.whole(seed) else job.records.files[seed]
        folders[seed] = {str(Path(file).parent) for file in files}
    return folders


def _measured_here(jobs: Jobs, folders: Mapping[str, str], seed: int, partly: Mapping[int, set[str]]) -> list[str]:
    """The runtimes of a cell that no record has. Of a seed that is taken in part, those that are read, or all if none is. folders: of
    measurements, by runtime."""
    if not partly.get(seed, True):
        return []
    if seed not in partly:
        return list(folders)
    read = [runtime for runtime, folder in folders.items() if folder in partly[seed]]
    return [runtime for runtime in read or folders if folders[runtime] not in jobs.take_seeds[seed].records.taken]


def baselines_of(jobs: Jobs, plan: Plan) -> dict[str, list[Step]]:
    """Baseline -> its fit and its measurements, of those that are read. Its time is computed from the teacher's, which is a cell."""
    read = set(needed_of(jobs.reports())) if plan.study.baselines else set()
    steps = {name: list(dict.fromkeys(_baseline(jobs, plan, name, read))) for name in plan.study.baselines}
    return {name: own for name, own in steps.items() if own}


def _baseline(jobs: Jobs, plan: Plan, name: str, read: Collection[str]) -> Iterator[Step]:
    for task in plan.study.tasks:
        for seed in plan.study.seeds:
            folder = plan.paths.measured(task, seed, chain_of(name), NUMPY.name)
            at = {"task": task, "seed": seed, "baseline": name}
            if not any(file.startswith(f"{folder}/") for file in read):
                continue
            if seed in jobs.take_seeds:
                yield Step.of("record", jobs.take_seeds[seed])
                if folder in jobs.take_seeds[seed].records.taken:
                    continue
            yield Step.of("baseline", jobs.fit_baseline, **at)
            yield Step.of("baseline quality", jobs.measure_baseline, **at)
            if f"{folder}/{LATENCY}" in read:
                for number in range(1, plan.study.latency.rounds + 1):
                    yield Step.of("baseline round", jobs.time_baseline, **at, round=number)
                yield Step.of("baseline latency", jobs.pool_baseline, **at)


def cascades_of(jobs: Jobs, plan: Plan) -> dict[str, list[Step]]:
    """Cascade -> its rounds; its members are cells and baselines. Nothing of one whose time is composed of theirs."""
    steps: dict[str, list[Step]] = {}
    for one in jobs.tables["cascades"].beside():
        own, at = steps.setdefault(one["cascade"], []), {name: one[name] for name in ("task", "seed", "cascade", "runtime")}
        if one["seed"] in jobs.take_seeds and one["folder"] in jobs.take_seeds[one["seed"]].records.taken:
            own.append(Step.of("record", jobs.take_seeds[one["seed"]]))
            continue
        rounds = range(1, plan.study.latency.rounds + 1)
        own += [Step.of("cascade round", jobs.time_cascade, **at, round=number) for number in rounds]
        own.append(Step.of("cascade", jobs.pool_cascade, **at))
    return steps


def _latency(jobs: Jobs, plan: Plan, at: Mapping[str, Any]) -> Iterator[Step]:
    for number in range(1, plan.study.latency.rounds + 1):
        yield Step.of("round", jobs.measure_round, **at, round=number)
    yield Step.of("latency", jobs.measure_latency, **at)


def _model(jobs: Jobs, plan: Plan, chain: Chain, at: Mapping[str, Any]) -> Iterator[Step]:
    if chain.last is None or chain.parent is None:
        yield Step.of("teacher", jobs.train_teacher, **at)
        return
    stage, variant = chain.last.stage, plan.study.variant(chain)
    job: Job = jobs.prune_structured
    if stage == "distill":
        job = jobs.distill_static if plan.study.static(chain) else jobs.distill_student
    if stage == "quantize":
        job = jobs.quantizing(variant)
    elif isinstance(variant, Timed):
        job, target = jobs.prune_to_time, variant.target
        shapes = {"runtime": target.runtime, "form": target.form, "tokens": target.tokens}
        yield Step.of("shapes", jobs.time_shapes, **at, parent=plan.sized_as(chain.parent), **shapes)
    yield Step.of(stage, job, **at, parent=chain.parent, variant=chain.last.variant)


@dataclass(frozen=True)
class Line:
    """How far a cell is."""

    state: str
    cell: str
    done: int
    of: int
    """Jobs."""
    reasons: tuple[str, ...]
    """Kind and last line of the log of what runs or has failed."""

    @property
    def short(self) -> str:
        """Without reasons."""
        return f"{self.state:<12}{self.cell:<28}{self.done} of {self.of} jobs"

    def __str__(self) -> str:
        return "; ".join([self.short, *self.reasons])


@dataclass(frozen=True)
class Standing:
    """How far a study is."""

    study: str
    head: str
    lines: tuple[Line, ...]
    """Of each cell, baseline and cascade, by state."""
    states: Mapping[Step, tuple[str, str]]
    """Job -> its state, and the last line of its log."""
    ended: bool
    """Whether all cells are done, or those that are made by default and Snakemake does not work here."""

    def __str__(self) -> str:
        return "\n".join([self.head, *map(str, self.lines)])


def standing(plan: Plan, working: Path = Path(), jobs: Jobs | None = None) -> Standing:
    """working: the folder in which Snakemake runs, with its .snakemake folder. jobs: of the plan, where they are at hand."""
    locks = [lock.stat().st_mtime for lock in (working / ".snakemake" / "locks").glob("*")]
    jobs = jobs or Jobs(plan)
    cells, baselines, cascades = steps_of(jobs, plan, plan.study.cells), baselines_of(jobs, plan), cascades_of(jobs, plan)
    every = {**cells, **baselines, **cascades}
    states = {step: step.state(max(locks, default=math.inf)) for steps in every.values() for step in steps}
    seconds = _expected(states)
    lines = []
    for cell, steps in every.items():
        state = min((states[step][0] for step in steps), key=STATES.index)
        count = sum(states[step][0] == "done" for step in steps)
        reasons = tuple(f"{step.kind}: {states[step][1]}" for step in steps if states[step][1])
        lines.append(Line(state, cell, count, len(steps), reasons))
    lines.sort(key=lambda line: STATES.index(line.state))
    by_state = Counter(line.state for line in lines)
    counts = ", ".join(f"{by_state[state]} {state}" for state in reversed(STATES) if by_state[state])
    default = {step for name in [*plan.study.default_cells(), *baselines, *cascades] for step in every[name]}
    left = f"about {_duration(default, states, seconds)} left by default, {_duration(states, states, seconds)} for all cells"
    beside = {"baseline": len(baselines), "cascade": len(cascades)}
    several = "".join(f", {count} {kind}{'s' if count > 1 else ''}" for kind, count in beside.items() if count)
    head = f"study {plan.study.study}: {len(cells)} cells{several}: {counts}; {left}"
    if any(state == "done" for state, _ in states.values()):
        head += "; files made with other settings count as done, `snakemake -n` tells"
    over = {step for step in states if step in default or locks}
    return Standing(plan.study.study, head, tuple(lines), states, all(states[step][0] == "done" for step in over))


def _expected(steps: Collection[Step]) -> dict[str, float]:
    """Kind -> mean seconds of the jobs of that kind that have run."""
    of_kind: dict[str, list[float]] = {}
    for step in steps:
        if (seconds := step.seconds()) is not None:
            of_kind.setdefault(step.kind, []).append(seconds)
    return {kind: sum(values) / len(values) for kind, values in of_kind.items()}


def _duration(steps: Collection[Step], states: Mapping[Step, tuple[str, str]], seconds: Mapping[str, float]) -> str:
    """Of those that are not done, one after the other; says how many are of kinds that have not run yet."""
    left = [step for step in steps if states[step][0] != "done"]
    total = sum(seconds.get(step.kind, 0) for step in left)
    unknown = sum(step.kind not in seconds for step in left)
    hours, minutes = divmod(round(total / 60), 60)
    return f"{hours}:{minutes:02d} h" + (f" and {unknown} jobs of unknown length" if unknown else "")
