"""What bundles measured on other machines, as a table of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.files import read_json
from edgemin.report import columns
from edgemin.report.number import Format
from edgemin.report.sheet import Row, Sheet

NOTE = (
    "Absolute times of `bench.py`, by itself: no other model took turns with it, so rows of two machines, or of two hours, tell the machines apart as much as the "
    "models. First answer: from the start of a process on. The study's own times are in the tables above."
)


def table_of(files: Sequence[str], study: str) -> dict[str, Any] | None:
    """`Sheet.content` of what was added, in the order of cells and machines; None for nothing."""
    if not files:
        return None
    measurements = [read_json(Path(file)) for file in files]
    measurements.sort(key=lambda one: (one["cell"], one["host"]["cpu"], one["measured_at"]))
    rows = pd.DataFrame(measurements)
    wanted = [
        columns.text("cell", rows["cell"]),
        columns.text("machine", [one["host"]["cpu"] for one in measurements]),
        columns.text("what", rows["what"]),
        columns.numbers("threads", rows["threads"], Format(0)),
        *(columns.numbers(f"p{share} ms", rows[f"p{share}_ms"], columns.MILLISECONDS) for share in (50, 90, 99)),
        columns.numbers("first answer ms", rows["cold_start_ms"], Format(0)),
        columns.numbers("peak MB", rows["peak_mb"], Format(0)),
        columns.text("measured", rows["measured_at"]),
    ]
    lines = [Row(cell=cell) for cell in rows["cell"]]
    return Sheet("elsewhere", "Measured elsewhere", study, wanted, lines, NOTE).content()
