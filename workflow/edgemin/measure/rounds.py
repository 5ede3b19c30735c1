"""The rounds of a cell as one measurement.

What varies is not the call but the process and the hour: in one process the same ratio comes out alike, in the next one another. So
intervals are over rounds. They are prediction intervals: where the same measurement, made again with as many rounds, falls in 95 of 100
cases. On the log scale with R rounds of standard deviation sd: mean +- t(0.975, R - 1) sd sqrt(1/R + 1/R), since both means vary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json

Ends = dict[str, Any]
"""`value`, and `low` and `high` of its interval; with one round these two are None."""
QUANTILES = (50, 90, 99)


def predicted(rounds: Sequence[float] | np.ndarray, value: float | None = None) -> Ends:
    """Geometric mean over rounds (R,) of a positive number, with the interval in which the next run's falls. value: takes the mean's place."""
    from scipy.stats import t

    logs = np.log(rounds)
    count, middle = len(logs), float(np.exp(logs.mean())) if value is None else value
    if count < 2:
        return {"value": middle, "low": None, "high": None}
    factor = float(np.exp(t.ppf(0.975, count - 1) * logs.std(ddof=1) * np.sqrt(2 / count)))
    return {"value": middle, "low": middle / factor, "high": middle * factor}


def pool(folders: Sequence[Path], teacher: Path | None = None) -> dict[str, Any]:
    """Summary of a cell. folders: of its rounds, in order. teacher: folder of the teacher's own summary in the same runtime.

    Raises EdgeminError for rounds of different CPUs.
    """
    told = [read_json(folder / "latency.json") for folder in folders]
    check_hosts(folders, [one["host"] for one in told])
    timings = [pd.read_parquet(folder / "timings.parquet") for folder in folders]
    first, above = told[0], _same_machine(read_json(teacher / "latency.json") if teacher else None, told[0]["host"])
    summary: dict[str, Any] = {
        "runtime": first["runtime"],
        "threads": first["threads"],
        "rounds": len(told),
        "single_stream": single_stream([_calls(one, "single_stream") for one in timings], _of("single_stream", told), above),
    }
    if "throughput" in first:
        summary["throughput"] = throughput(_of("throughput", told), above)
    stream = summary["single_stream"]
    clock = stream["p50_ms"]["value"] / stream["own_p50_ms"]  # so that times of a row go together
    summary["lengths"] = {length: _of_length([one["lengths"][length] for one in told], clock) for length in first["lengths"]}
    summary["tokenisation_p50_ms"] = predicted([one["tokenisation_p50_ms"] for one in told])["value"]
    longer = predicted([one["end_to_end_over_model"] for one in told])
    summary["end_to_end_p50_ms"] = {end: value and value * stream["p50_ms"]["value"] for end, value in longer.items()}
    summary["cold_start_ms"] = predicted([one["cold_start_ms"] for one in told])
    summary["peak_memory_mb"] = max((one["peak_memory_mb"] for one in told), key=lambda megabytes: megabytes or 0)
    changing = ("load_1min", "measured_at")
    summary["each_round"] = [{"cpus": one["cpus"], **{name: one["host"].get(name) for name in changing}} for one in told]
    return {**summary, "host": first["host"]}


def check_hosts(folders: Sequence[Path], hosts: Sequence[Mapping[str, Any]]) -> None:
    """Raises EdgeminError for rounds of different CPUs: their times are not samples of the same thing."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for folder, host in zip(folders, hosts, strict=True):
        groups[f"{host['cpu']} ({', '.join(host['flags'])})"].append(folder)
    if len(groups) < 2:
        return
    said = "; ".join(f"{', '.join(folder.name for folder in found)} on {cpu}" for cpu, found in groups.items())
    kept = max(groups, key=lambda cpu: len(groups[cpu]))
    others = " ".join(str(folder) for cpu, found in groups.items() if cpu != kept for folder in found)
    raise EdgeminError(
        f"{folders[0].parent}: rounds of different CPUs are not pooled (round {said}); delete {others} and run snakemake again on {kept}, "
        f"or delete {folders[0].parent} and measure all rounds on one machine"
    )


def _same_machine(teacher: Mapping[str, Any] | None, host: Mapping[str, Any]) -> Mapping[str, Any]:
    """The teacher's summary; nothing if it was measured on another CPU."""
    if teacher is None or any(teacher["host"][name] != host[name] for name in ("cpu", "flags")):
        return {}
    return teacher


def _of(scenario: str, told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one[scenario] for one in told]


def _calls(timings: pd.DataFrame, scenario: str) -> dict[str, np.ndarray]:
    """Model -> ms of all its calls in a round."""
    found = timings[timings["scenario"] == scenario]
    return {str(name): rows["seconds"].to_numpy() * 1e3 for name, rows in found.groupby("model")}


def single_stream(
    calls: Sequence[Mapping[str, np.ndarray]], told: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any]
) -> dict[str, Any]:
    """calls: of each round, ms of `model` and those that it is compared with. told: each round's own summary.

    A model's p50 is that of the teacher's own rounds, divided by the ratio: rounds of two cells are apart in time, their ratios are not.
    p90 and p99 go with it by the same factor. Without `teacher` it is divided from the reference of these rounds.
    """
    pooled = {name: np.concatenate([one[name] for one in calls]) for name in calls[0]}
    summary: dict[str, Any] = {"calls": len(pooled["model"]), "min_ms": float(pooled["model"].min())}
    speedups = _speedups(told)
    clock, paces = 1.0, np.ones(len(calls))
    if "reference" in pooled:
        paces = np.array([np.median(one["reference"]) for one in calls])
        against = teacher["single_stream"]["p50_ms"]["value"] if teacher else float(np.median(pooled["reference"]))
        clock = against / speedups["speedup_over_reference"]["value"] / float(np.median(pooled["model"]))
        summary["teacher_p50_ms"] = against
    for q in QUANTILES:
        each = np.array([np.percentile(one["model"], q) for one in calls]) / paces
        if q == 50 and "reference" in pooled:
            each = 1 / np.array([one["speedup_over_reference"]["value"] for one in told])
        summary[f"p{q}_ms"] = predicted(each, float(np.percentile(pooled["model"], q)) * clock)
    own = {f"{'own' if name == 'model' else name}_p50_ms": float(np.median(values)) for name, values in pooled.items()}
    return {**summary, **speedups, **own}


def throughput(told: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any]) -> dict[str, Any]:
    """Likewise: sentences per second are the teacher's, times the ratio."""
    speedups = _speedups(told)
    own = predicted([one["sentences_per_second"] for one in told])
    shown, above = own, teacher.get("throughput")
    if above and (ratio := speedups.get("speedup_over_reference")):
        pace = above["sentences_per_second"]["value"]
        shown = {end: None if value is None else pace * value for end, value in ratio.items()}
    return {
        "calls": sum(one["calls"] for one in told),
        "batch_size": told[0]["batch_size"],
        "sentences_per_second": shown,
        "own_sentences_per_second": own["value"],
        **speedups,
    }


def _of_length(told: Sequence[Mapping[str, Any]], clock: float) -> dict[str, Ends]:
    return {"p50_ms": predicted([one["p50_ms"] * clock for one in told]), **_speedups(told)}


def _speedups(told: Sequence[Mapping[str, Any]]) -> dict[str, Ends]:
    names = [name for name in told[0] if name.startswith("speedup_over_")]
    return {name: predicted([one[name]["value"] for one in told]) for name in names}
