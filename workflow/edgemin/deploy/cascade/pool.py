"""The rounds of a cascade as one measurement, as `measure.rounds` makes it of a cell's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.files import read_json
from edgemin.measure.rounds import QUANTILES, check_hosts, predicted


def pool(folders: Sequence[Path], teacher: Path) -> dict[str, Any]:
    """Summary of a cascade. folders: of its rounds, in order. teacher: folder of the teacher's summary in the same runtime.

    `faster` is the geometric mean over rounds, with the interval in which the next run's falls. The mean is the teacher's divided by it, and p90
    and p99 follow by the same factor; the teacher's is brought to the clock of its own rounds, so that a cascade's times go with those of cells.
    What was timed is `own_mean_ms`. Raises EdgeminError for rounds of different CPUs.
    """
    rounds = [read_json(folder / "latency.json") for folder in folders]
    check_hosts(folders, [one["host"] for one in rounds])
    calls = [pd.read_parquet(folder / "timings.parquet") for folder in folders]
    own, other = (np.concatenate([one[name].to_numpy() for one in calls]) * 1e3 for name in ("cascade", "teacher"))
    faster = predicted([one["faster"] for one in rounds])
    mean = float(other.mean()) * _clock(read_json(teacher / "latency.json"), rounds[0]["host"], float(np.median(other)))
    times = {"mean_ms": predicted([1 / one["faster"] for one in rounds], mean / faster["value"])}
    for share in QUANTILES:
        each = [one["cascade"][f"p{share}_ms"] / one["teacher"]["mean_ms"] for one in rounds]
        value = float(np.percentile(own, share)) / float(own.mean())
        times[f"p{share}_ms"] = predicted(each, value * times["mean_ms"]["value"])
    names = rounds[0]["answered"]
    return {
        **{name: rounds[0][name] for name in ("runtime", "threads")},
        "rounds": len(rounds),
        "texts": len(own),
        **times,
        "faster": faster,
        "teacher_mean_ms": mean,
        "own_mean_ms": float(own.mean()),
        "own_teacher_mean_ms": float(other.mean()),
        "answered": {name: float(np.mean([one["answered"][name] for one in rounds])) for name in names},
        "each_round": [
            {"cpus": one["cpus"], **{name: one["host"].get(name) for name in ("load_1min", "measured_at")}} for one in rounds
        ],
        "host": rounds[0]["host"],
    }


def _clock(teacher: Mapping[str, Any], host: Mapping[str, Any], p50: float) -> float:
    """How much longer the teacher took from text in its own rounds than beside the cascade (ms); 1 if it was measured on another CPU."""
    if any(teacher["host"][name] != host[name] for name in ("cpu", "flags")):
        return 1.0
    return float(teacher["end_to_end_p50_ms"]["value"]) / p50
