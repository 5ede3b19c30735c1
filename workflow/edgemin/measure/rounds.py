"""The rounds of a cell as one measurement.

Times vary more between processes and hours than between calls: one process repeats the same ratio, the next process gives another. So
intervals are over rounds. They are prediction intervals: the same measurement, repeated with as many rounds, falls inside in 95 of 100
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
    """Summary of a cell. folders: of its rounds, in order. teacher: folder of the teacher's summary in the same runtime.

    Raises EdgeminError for rounds of different CPUs.
    """
    rounds = [read_json(folder / "latency.json") for folder in folders]
    check_hosts(folders, [one["host"] for one in rounds])
    timings = [pd.read_parquet(folder / "timings.parquet") for folder in folders]
    first, above = rounds[0], _same_machine(read_json(teacher / "latency.json") if teacher else None, rounds[0]["host"])
    summary: dict[str, Any] = {
        "runtime": first["runtime"],
        "threads": first["threads"],
        "rounds": len(rounds),
        "single_stream": single_stream([_calls(one, "single_stream") for one in timings], _of("single_stream", rounds), above),
    }
    if "throughput" in first:
        summary["throughput"] = throughput(_of("throughput", rounds), above)
    stream = summary["single_stream"]
    clock = stream["p50_ms"]["value"] / stream["own_p50_ms"]  # so that times of a row go together
    summary["lengths"] = {length: _of_length([one["lengths"][length] for one in rounds], clock) for length in first["lengths"]}
    summary["tokenisation_p50_ms"] = predicted([one["tokenisation_p50_ms"] for one in rounds])["value"]
    longer = predicted([one["end_to_end_over_model"] for one in rounds])
    summary["end_to_end_p50_ms"] = {end: value and value * stream["p50_ms"]["value"] for end, value in longer.items()}
    summary["cold_start_ms"] = predicted([one["cold_start_ms"] for one in rounds])
    summary["peak_memory_mb"] = max((one["peak_memory_mb"] for one in rounds), key=lambda megabytes: megabytes or 0)
    changing = ("load_1min", "measured_at")
    summary["each_round"] = [{"cpus": one["cpus"], **{name: one["host"].get(name) for name in changing}} for one in rounds]
    return {**summary, "host": first["host"]}


def check_hosts(folders: Sequence[Path], hosts: Sequence[Mapping[str, Any]]) -> None:
    """Raises EdgeminError for rounds of different CPUs: their times are not samples of the same thing."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for folder, host in zip(folders, hosts, strict=True):
        groups[f"{host['cpu']} ({', '.join(host['flags'])})"].append(folder)
    if len(groups) < 2:
        return
    listed = "; ".join(f"{', '.join(folder.name for folder in members)} on {cpu}" for cpu, members in groups.items())
    kept = max(groups, key=lambda cpu: len(groups[cpu]))
    others = " ".join(str(folder) for cpu, members in groups.items() if cpu != kept for folder in members)
    raise EdgeminError(
        f"{folders[0].parent}: rounds of different CPUs are not pooled (round {listed}); delete {others} and run snakemake again on {kept}, "
        f"or delete {folders[0].parent} and measure all rounds on one machine"
    )


def _same_machine(teacher: Mapping[str, Any] | None, host: Mapping[str, Any]) -> Mapping[str, Any]:
    """The teacher's summary; empty if it was measured on another CPU."""
    if teacher is None or any(teacher["host"][name] != host[name] for name in ("cpu", "flags")):
        return {}
    return teacher


def _of(scenario: str, rounds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one[scenario] for one in rounds]


def _calls(timings: pd.DataFrame, scenario: str) -> dict[str, np.ndarray]:
    """Model -> ms of all its calls in a round."""
    calls = timings[timings["scenario"] == scenario]
    return {str(name): rows["seconds"].to_numpy() * 1e3 for name, rows in calls.groupby("model")}


def single_stream(
    calls: Sequence[Mapping[str, np.ndarray]], rounds: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any]
) -> dict[str, Any]:
    """calls: of each round, ms of `model` and of the models compared with it. rounds: the summary of each round.

    A model's p50 is the p50 of the teacher's own rounds, divided by the speed-up: rounds of two cells run at different times, but the
    models of a ratio run together. p90 and p99 scale by the same factor. Without `teacher` the p50 comes from the reference of these rounds.
    """
    pooled = {name: np.concatenate([one[name] for one in calls]) for name in calls[0]}
    summary: dict[str, Any] = {"calls": len(pooled["model"]), "min_ms": float(pooled["model"].min())}
    speedups = _speedups(rounds)
    clock, paces = 1.0, np.ones(len(calls))
    if "reference" in pooled:
        paces = np.array([np.median(one["reference"]) for one in calls])
        against = teacher["single_stream"]["p50_ms"]["value"] if teacher else float(np.median(pooled["reference"]))
        clock = against / speedups["speedup_over_reference"]["value"] / float(np.median(pooled["model"]))
        summary["teacher_p50_ms"] = against
    for q in QUANTILES:
        each = np.array([np.percentile(one["model"], q) for one in calls]) / paces
        if q == 50 and "reference" in pooled:
            each = 1 / np.array([one["speedup_over_reference"]["value"] for one in rounds])
        summary[f"p{q}_ms"] = predicted(each, float(np.percentile(pooled["model"], q)) * clock)
    own = {f"{'own' if name == 'model' else name}_p50_ms": float(np.median(values)) for name, values in pooled.items()}
    return {**summary, **speedups, **own}


def throughput(rounds: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any]) -> dict[str, Any]:
    """Sentences per second: those of the teacher's own rounds, times the speed-up, as in `single_stream`."""
    speedups = _speedups(rounds)
    own = predicted([one["sentences_per_second"] for one in rounds])
    speed, above = own, teacher.get("throughput")
    if above and (ratio := speedups.get("speedup_over_reference")):
        pace = above["sentences_per_second"]["value"]
        speed = {end: None if value is None else pace * value for end, value in ratio.items()}
    return {
        "calls": sum(one["calls"] for one in rounds),
        "batch_size": rounds[0]["batch_size"],
        "sentences_per_second": speed,
        "own_sentences_per_second": own["value"],
        **speedups,
    }


def _of_length(rounds: Sequence[Mapping[str, Any]], clock: float) -> dict[str, Ends]:
    return {"p50_ms": predicted([one["p50_ms"] * clock for one in rounds]), **_speedups(rounds)}


def _speedups(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Ends]:
    names = [name for name in rounds[0] if name.startswith("speedup_over_")]
    return {name: predicted([one[name]["value"] for one in rounds]) for name in names}
