"""The rounds of a baseline as one measurement, as `measure.rounds` makes it of a cell's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.files import read_json
from edgemin.measure import rounds


def pool(folders: Sequence[Path], teacher: Path) -> dict[str, Any]:
    """Summary of a baseline. folders: of its rounds, in order. teacher: folder of the teacher's summary. All times are from text: a p50 is the
    teacher's from text, divided by the speed-up.

    Raises EdgeminError for rounds of different CPUs.
    """
    found = [read_json(folder / "latency.json") for folder in folders]
    rounds.check_hosts(folders, [one["host"] for one in found])
    timings = [pd.read_parquet(folder / "timings.parquet") for folder in folders]
    stream = rounds.single_stream(
        [_milliseconds(one) for one in timings], [one["single_stream"] for one in found], _from_text(teacher, found[0]["host"])
    )
    summary = {name: found[0][name] for name in ("runtime", "threads")}
    summary |= {"rounds": len(found), "single_stream": stream}
    if "throughput" in found[0]:
        summary["throughput"] = rounds.throughput([one["throughput"] for one in found], {})
    return {
        **summary,
        "end_to_end_p50_ms": stream["p50_ms"],
        "cold_start_ms": rounds.predicted([one["cold_start_ms"] for one in found]),
        "peak_memory_mb": max((one["peak_memory_mb"] for one in found), key=lambda megabytes: megabytes or 0),
        "each_round": [
            {"cpus": one["cpus"], **{name: one["host"].get(name) for name in ("load_1min", "measured_at")}} for one in found
        ],
        "host": found[0]["host"],
    }


def _milliseconds(timings: pd.DataFrame) -> dict[str, np.ndarray]:
    """Model -> ms of all its calls of one text in a round."""
    calls = timings[timings["scenario"] == "single_stream"]
    return {str(name): rows["seconds"].to_numpy() * 1e3 for name, rows in calls.groupby("model")}


def _from_text(teacher: Path, host: Mapping[str, Any]) -> dict[str, Any]:
    """The teacher's summary as `rounds.single_stream` reads it, its time from text in place of its time; empty if it was measured on another CPU."""
    told = read_json(teacher / "latency.json")
    if any(told["host"][name] != host[name] for name in ("cpu", "flags")) or "end_to_end_p50_ms" not in told:
        return {}
    return {"single_stream": {"p50_ms": told["end_to_end_p50_ms"]}}
