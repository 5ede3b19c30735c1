"""The rows of tables in the specs of their jobs: names, and the folders of measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgemin.study.floor import NUMPY, chain_of

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


def seed_row(plan: Plan, task: str, cell: str, runtime: str, seed: int) -> dict[str, Any]:
    """The measurements of a cell with one seed. `timed` is there, and False, if its latency is not measured; `sparse`, and True, if it asks for
    kernels that use zeros."""
    chain = plan.study.chain(cell)
    sparse = chain.quantized and getattr(plan.study.variant(chain), "sparse", False)
    return {**_measured_row(plan, task, cell, str(chain), runtime, seed), **({"sparse": True} if sparse else {})}


def _measured_row(plan: Plan, task: str, cell: str, chain: str, runtime: str, seed: int) -> dict[str, Any]:
    names = {"study": plan.study.study, "task": task, "seed": seed, "cell": cell, "chain": chain, "runtime": runtime}
    untimed = {} if plan.study.times(seed) else {"timed": False}
    return {**names, "folder": plan.paths.measured(task, seed, chain, runtime), **untimed}


def row(plan: Plan, task: str, cell: str, runtime: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """A cell, over its seeds. about: further columns."""
    seeds = [seed_row(plan, task, cell, runtime, seed) for seed in plan.study.seeds]
    return {"cell": cell, "about": dict(about), "seeds": seeds}


def row_in(plan: Plan, task: str, cell: str, runtime: str) -> dict[str, Any]:
    """A cell in a runtime, over its seeds, in a table that compares nothing by blocks."""
    seeds = row(plan, task, cell, runtime, {})["seeds"]
    return {**judged(plan, task), "cell": cell, "runtime": runtime, "seeds": seeds}


def floor(plan: Plan, task: str, about: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The study's baselines, in the form of `row`: the first rows of a table. about: further columns."""
    return [
        {"cell": name, "about": dict(about or {}), "seeds": [_baseline_row(plan, task, name, seed) for seed in plan.study.seeds]}
        for name in plan.study.baselines
    ]


def floor_in(plan: Plan, task: str) -> list[dict[str, Any]]:
    """The study's baselines, in the form of `row_in`."""
    return [
        {**judged(plan, task), "cell": one["cell"], "runtime": NUMPY.name, "seeds": one["seeds"]} for one in floor(plan, task)
    ]


def with_floor(plan: Plan, blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks of `block`, the first of each task with the study's baselines."""
    first = {one["task"]: number for number, one in reversed(list(enumerate(blocks)))}
    return [
        {**one, "floor": floor(plan, one["task"], {"runtime": NUMPY.name})}
        if plan.study.baselines and first[one["task"]] == number
        else one
        for number, one in enumerate(blocks)
    ]


def _baseline_row(plan: Plan, task: str, name: str, seed: int) -> dict[str, Any]:
    return _measured_row(plan, task, name, chain_of(name), NUMPY.name, seed)


def judged(plan: Plan, task: str) -> dict[str, Any]:
    """How the answers of a task are judged."""
    settings = plan.study.tasks[task]
    return {"task": task, "metric": settings.metric, **({"kind": settings.kind} if settings.kind else {})}


def block(plan: Plan, task: str, cells: Iterable[str], runtime: str, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Cells that are compared with the first. about: further columns of every row."""
    return {**judged(plan, task), "rows": [row(plan, task, cell, runtime, about or {}) for cell in cells]}


def result_rows(plan: Plan) -> list[dict[str, Any]]:
    """One per task, baseline and seed, and per task, default cell, runtime and seed."""
    study = plan.study
    return [seed for task in study.tasks for row in floor(plan, task) for seed in row["seeds"]] + [
        seed_row(plan, task, cell, runtime, seed)
        for task in study.tasks
        for cell in study.default_cells()
        for runtime in study.runtimes_of(study.chain(cell))
        for seed in study.seeds
    ]
