"""How a benchmark is run as a script, and the study that it is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from edgemin.core.errors import EdgeminError
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study


def plan_with(file: str, cells: Iterable[str]) -> Plan:
    """Of a study. Raises EdgeminError for a cell that it does not have."""
    plan = Plan(read_study(file))
    for cell in cells:
        if cell not in plan.study.cells:
            raise EdgeminError(plan.study.no_cell(file, cell))
    return plan


def run(main: Callable[[], None]) -> None:
    """On the CPU, whatever GPUs there are. What a user did wrong is a line each, and exit status 1."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        main()
    except EdgeminError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
