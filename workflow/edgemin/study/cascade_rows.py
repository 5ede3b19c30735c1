"""A cascade in the specs of jobs: its members and the teacher, with the folders of their measurements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgemin.study.cascade import teacher_cell
from edgemin.study.floor import NUMPY
from edgemin.study.rows import floor, judged, row
from edgemin.study.table import common_runtime

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan


def cascade_block(plan: Plan, task: str, name: str, runtime_of: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Its rows are those of its members, and of the teacher if it is none of them. runtime_of: of a cell; by default one in which all cells are
    measured, or else the cell's first."""
    study, cascade = plan.study, plan.study.cascades[name]
    teacher = teacher_cell(study)
    assert teacher is not None
    names = list(dict.fromkeys([*cascade.members, teacher]))
    baselines = {one["cell"]: one for one in floor(plan, task, {"runtime": NUMPY.name})}
    together = common_runtime(study, [cell for cell in names if cell in study.cells])
    found = []
    for cell in names:
        if cell in baselines:
            found.append(baselines[cell])
        else:
            runtime = runtime_of(cell) if runtime_of else together or study.runtimes_of(study.chain(cell))[0]
            found.append(row(plan, task, cell, runtime, {"runtime": runtime}))
    about = {"cascade": name, "members": cascade.members, "teacher": teacher}
    return {**judged(plan, task), **about, "max_drop": cascade.max_drop, "bound": cascade.bound, "rows": found}
