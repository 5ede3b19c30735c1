"""Latencies of a row on two sides: divided where they are of one processor, else side by side. Those of several processors have no mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgemin.report.differences.sides import SIDES, Key, Side
from edgemin.report.measured import machine_text
from edgemin.study.chains import ROOT


def latency(key: Key, a: Side, b: Side, files: Iterable[tuple[int, tuple[Any, Any]]]) -> dict[str, Any]:
    """p50 of both in ms, how many times faster than its teacher each is, and `slower`: p50 of B divided by that of A, with a 95 % interval.

    No ratio of two processors, or of other numbers of threads. files: seed, and latency.json of both sides. Geometric means over seeds: those
    timed alike on both sides; if there are none, of each side those of its most frequent processor. Of `timed` seeds, `timed_a` and `timed_b` count.
    """
    timed = [(seed, both) for seed, both in files if all(map(is_timed, both))]
    if not timed:
        return {}
    alike = [(seed, both) for seed, both in timed if clock(both[0]) == clock(both[1])]
    row: dict[str, Any] = {"timed": len(timed)}
    for number, name in enumerate(SIDES):
        counted = [both[number] for _, both in alike] or _of_one_clock([both[number] for _, both in timed])
        ratios = [timing["single_stream"].get("speedup_over_reference") for timing in counted]
        row[f"timed_{name}"] = len(counted)
        row[f"p50_{name}"] = _mean([_p50(timing)["value"] for timing in counted])
        row[f"speedup_{name}"] = None if None in ratios else _mean([ratio["value"] for ratio in ratios])
    if not alike:
        return {**row, "why_slower": "other processors, or other numbers of threads"}
    middle = float(np.mean([np.log(_p50(theirs)["value"] / _p50(ours)["value"]) for _, (ours, theirs) in alike]))
    half = float(
        np.mean([difference([*halves(a, key, seed, ours), *halves(b, key, seed, theirs)]) for seed, (ours, theirs) in alike])
    )
    ends = {} if np.isnan(half) else {"slower_low": float(np.exp(middle - half)), "slower_high": float(np.exp(middle + half))}
    return {**row, "slower": float(np.exp(middle)), **ends}


def clock(timing: Mapping[str, Any]) -> tuple[str, int]:
    """What times have to have in common: the processor, and threads."""
    return machine_text(timing["host"]), timing["threads"]


def _of_one_clock(those: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As `report.measured.of_one_machine`: of most of them, of as many of the first."""
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for timing in those:
        groups.setdefault(clock(timing), []).append(timing)
    return max(groups.values(), key=len)


def difference(halves: Iterable[float]) -> float:
    """Half the width of the 95 % interval of a difference of means, from those of prediction intervals of their parts.

    A run's interval is for the mean of a next run, sqrt(2) times as wide as that of its own mean (`measure.rounds`): the root of half the sum of squares.
    """
    return float(np.sqrt(np.square(list(halves)).sum() / 2))


def halves(side: Side, key: Key, seed: int, timing: Mapping[str, Any]) -> list[float]:
    """Half the widths of the intervals that a p50 has, on the log scale: its own, and the teacher's, of which it is a fraction; not a number
    with a single round."""
    timings = [timing]
    if not side.folders[key][seed].endswith(f"/{ROOT}/{key.runtime}"):
        timings.append(
            side.json(f"measurements/{key.task}/seed{seed}/{ROOT}/{key.runtime}/latency.json") or {"single_stream": {}}
        )
    return [_half(_p50(one)) for one in timings]


def _half(ends: Mapping[str, Any]) -> float:
    low, high = ends.get("low"), ends.get("high")
    return float("nan") if low is None or high is None else float(np.log(high / low)) / 2


def is_timed(timing: Mapping[str, Any]) -> bool:
    """Whether latency.json has a p50."""
    return bool(_p50(timing))


def _p50(timing: Mapping[str, Any]) -> Mapping[str, Any]:
    return timing["single_stream"].get("p50_ms") or {}


def _mean(values: list[float]) -> float:
    """Geometric."""
    return float(np.exp(np.mean(np.log(values))))
