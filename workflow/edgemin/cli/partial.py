"""Tables of what is there, while a study runs or after some of its jobs failed; what is missing is named.

They go to results/{study}/partial/, never among the study's own tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.plan.calls import call
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.read import read_study
from edgemin.study.table import Table, rows_of


def present(table: Table, spec: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A table's spec without the cells of which a file is missing, and a line on each of those, and on each verdict that is missing of the others."""
    missing = {}
    for row in rows_of(spec):
        files = [file for seed in row["seeds"] for file in table.needs(seed) if not Path(file).exists()]
        if files:
            missing[row["cell"]] = f"{row['cell'] or 'every cell'}: {len(files)} files, the first {files[0]}"
    left = table.without(spec, missing)
    cells = {row["cell"] for row in rows_of(left)}
    open_verdicts = [file for file in spec.get("acceptance", ()) if Path(file).stem in cells and not Path(file).exists()]
    unjudged = [f"the verdict on {Path(file).stem}, which looks accepted without it: {file}" for file in open_verdicts]
    return left, [*missing.values(), *unjudged]


def write(plan: Plan, command: str = "snakemake --cores all") -> list[str]:
    """Write every table that can be made; return what is missing in each. command: runs the study; some tables print it."""
    lines, jobs, folder = [], Jobs(plan), Path(plan.root) / "partial"
    for name, table in registry.TABLES.all().items():
        if not table.declared(plan.study):
            continue
        spec, missing = present(table, jobs.tables[name].spec(None))
        lines += [f"{name}: missing {line}" for line in missing]
        if rows_of(spec):
            table.write({**spec, "call": command}, folder)
        else:
            lines.append(f"{name}: not written, nothing to compare with is there")
    return lines


def run(study: str) -> int:
    """Make the tables of a study file, and print what is missing."""
    plan = Plan(read_study(study))
    print("\n".join([*write(plan, call([study])), f"what is there is in {plan.root}/partial"]))
    return 0
