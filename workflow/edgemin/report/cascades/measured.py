"""The time of a cascade as a whole: measured, in turn with the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.files import read_json
from edgemin.report.measured import of_one_machine

NAMES = ("mean_ms", "p90_ms", "p99_ms", "faster")
_ENDS = {"value": "", "low": "_low", "high": "_high"}


def measured_times(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Columns of `NAMES`, with the ends of their intervals where there are any, and `seeds_measured`; None where nothing is measured.

    entries: of `study.cascade_rows.timed_cascades`, of one cascade. Of the seeds of one machine geometric means; of intervals too, which keeps their
    width: seeds do not make one machine many.
    """
    there = [one for one in entries if Path(one["file"]).exists()]  # all, but while a study runs
    if not there:
        return None
    timings = [read_json(one["file"]) for one in of_one_machine(there)]
    columns: dict[str, Any] = {}
    for name in NAMES:
        for end, suffix in _ENDS.items():
            values = [one[name][end] for one in timings]
            if None not in values:
                columns[f"{name}{suffix}"] = float(np.exp(np.mean(np.log(values))))
    return {**columns, "seeds_measured": len(timings)}
