"""Tables of what is there, while a study runs or after some of its jobs failed; what is missing is named.

    python -m edgemin.partial config/config.yaml

They go to results/{study}/partial/, never among the study's own tables.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from edgemin.command import tell
from edgemin.plan import Plan
from edgemin.reports import TABLES, Reports, rows_of

logger = logging.getLogger(__name__)


def present(reports: Reports, spec: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A table's spec without the cells of which a file is missing, and a line on each of those.

    A block whose first cell is missing goes altogether, since the others are compared with it.
    """
    missing = {}
    for row in rows_of(spec):
        files = [file for seed in row["seeds"] for file in reports.needs(seed) if not Path(file).exists()]
        if files:
            missing[row["cell"]] = f"{row['cell']}: {len(files)} files, the first {files[0]}"
    if "blocks" not in spec:
        return {**spec, "rows": [row for row in spec["rows"] if row["cell"] not in missing]}, list(missing.values())
    blocks = []
    for block in spec["blocks"]:
        rows = [row for row in block["rows"] if row["cell"] not in missing]
        if rows and rows[0]["cell"] == block["rows"][0]["cell"]:
            blocks.append({**block, "rows": rows})
    return {**spec, "blocks": blocks}, list(missing.values())


def write(plan: Plan) -> list[str]:
    """Write every table that can be made; returns what is missing of each."""
    reports, said = Reports(plan), []
    folder = Path(plan.root) / "partial"
    for table in reports.declared():
        spec, missing = present(reports, reports.spec(table))
        said += [f"{table}: missing {line}" for line in missing]
        if not rows_of(spec):
            said.append(f"{table}: not written, nothing to compare with is there")
            continue
        import_module(TABLES[table]).write_tables(spec, folder)
    return said


def told(plan: Plan) -> str:
    """`write`, and where it wrote."""
    return "\n".join([*write(plan), f"what is there stands in {plan.root}/partial"])


def main(arguments: Sequence[str]) -> int:
    """Make the tables of a study file, and print what is missing."""
    return tell(arguments, told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
