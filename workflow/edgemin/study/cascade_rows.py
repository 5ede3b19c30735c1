"""A cascade in the specs of jobs: its members and the teacher, with the folders of their measurements, and of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgemin.study import registry
from edgemin.study.cascade import teacher_cell
from edgemin.study.floor import NUMPY
from edgemin.study.rows import floor, judged, row
from edgemin.study.table import LATENCY, common_runtime

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


_PREFIX = "cascade-"


def place_of(name: str) -> str:
    """What stands for a cascade where a cell has its chain, in paths."""
    return f"{_PREFIX}{name}"


def bundling() -> list[str]:
    """The runtimes that bundles run in."""
    return [name for name, runtime in registry.RUNTIMES.all().items() if runtime.bundles]


def timed_cascades(plan: Plan) -> list[dict[str, Any]]:
    """Of each cascade, task and timed seed the file with the cascade's own time, and its folder. A cascade whose table is of a runtime that no bundle
    runs in has none: there is no program that asks its members one after another."""
    study, found = plan.study, []
    for name in study.cascades:
        runtime = common_runtime(study, [cell for cell in _cells(study, name) if cell in study.cells])
        for task in study.tasks if runtime in bundling() else ():
            for seed in filter(study.times, study.seeds):
                folder = plan.paths.measured(task, seed, place_of(name), str(runtime))
                about = {"task": task, "cascade": name, "seed": seed, "runtime": runtime}
                found.append({**about, "folder": folder, "file": f"{folder}/{LATENCY}"})
    return found


def cascade_block(plan: Plan, task: str, name: str, runtime_of: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Its rows are those of its members, and of the teacher if it is none of them. runtime_of: of a cell; by default one in which all cells are
    measured, or else the cell's first."""
    study, cascade = plan.study, plan.study.cascades[name]
    names = _cells(study, name)
    baselines = {one["cell"]: one for one in floor(plan, task, {"runtime": NUMPY.name})}
    together = common_runtime(study, [cell for cell in names if cell in study.cells])
    found = []
    for cell in names:
        if cell in baselines:
            found.append(baselines[cell])
        else:
            runtime = runtime_of(cell) if runtime_of else together or study.runtimes_of(study.chain(cell))[0]
            found.append(row(plan, task, cell, runtime, {"runtime": runtime}))
    about = {"cascade": name, "members": cascade.members, "teacher": teacher_cell(study)}
    return {**judged(plan, task), **about, "max_drop": cascade.max_drop, "bound": cascade.bound, "rows": found}


def _cells(study: Study, name: str) -> list[str]:
    """Its members, and the teacher if it is none of them."""
    teacher = teacher_cell(study)
    assert teacher is not None
    return list(dict.fromkeys([*study.cascades[name].members, teacher]))
