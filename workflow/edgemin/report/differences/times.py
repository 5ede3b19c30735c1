"""Latencies of a row on two sides: divided where they are of one processor, else side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgemin.report.differences.sides import SIDES, Key, Side
from edgemin.report.measured import machine_text
from edgemin.study.chains import ROOT


def latency(key: Key, a: Side, b: Side, files: Iterable[tuple[int, tuple[Any, Any]]]) -> dict[str, Any]:
    """p50 of both in ms, how many times faster than its teacher each is, and `slower`: p50 of B divided by that of A, with a 95 % interval.

    No ratio of two processors, or of other numbers of threads. files: seed, and latency.json of both sides. Geometric means over seeds.
    """
    timed = [(seed, both) for seed, both in files if all(map(_p50, both))]
    if not timed:
        return {}
    row: dict[str, Any] = {}
    for number, name in enumerate(SIDES):
        row[f"p50_{name}"] = _mean([_p50(both[number])["value"] for _, both in timed])
        ratios = [both[number]["single_stream"].get("speedup_over_reference") for _, both in timed]
        row[f"speedup_{name}"] = None if None in ratios else _mean([ratio["value"] for ratio in ratios])
    alike = [(seed, both) for seed, both in timed if clock(both[0]) == clock(both[1])]
    if not alike:
        return row
    middle = float(np.mean([np.log(_p50(theirs)["value"] / _p50(ours)["value"]) for _, (ours, theirs) in alike]))
    half = float(
        np.mean([difference([*halves(a, key, seed, ours), *halves(b, key, seed, theirs)]) for seed, (ours, theirs) in alike])
    )
    ends = {} if np.isnan(half) else {"slower_low": float(np.exp(middle - half)), "slower_high": float(np.exp(middle + half))}
    return {**row, "slower": float(np.exp(middle)), **ends}


def clock(told: Mapping[str, Any]) -> tuple[str, int]:
    """What times have to have in common: the processor, and threads."""
    return machine_text(told["host"]), told["threads"]


def difference(halves: Iterable[float]) -> float:
    """Half the width of the 95 % interval of a difference of means, from those of prediction intervals of their parts.

    A run's interval is for the mean of a next run, sqrt(2) times as wide as that of its own mean (`measure.rounds`): the root of half the sum of squares.
    """
    return float(np.sqrt(np.square(list(halves)).sum() / 2))


def halves(side: Side, key: Key, seed: int, told: Mapping[str, Any]) -> list[float]:
    """Half the widths of the intervals that a p50 has, on the log scale: its own, and the teacher's, of which it is a fraction; not a number
    with a single round."""
    found = [told]
    if not side.folders[key][seed].endswith(f"/{ROOT}/{key.runtime}"):
        found.append(side.json(f"measurements/{key.task}/seed{seed}/{ROOT}/{key.runtime}/latency.json") or {"single_stream": {}})
    return [_half(_p50(one)) for one in found]


def _half(ends: Mapping[str, Any]) -> float:
    low, high = ends.get("low"), ends.get("high")
    return float("nan") if low is None or high is None else float(np.log(high / low)) / 2


def _p50(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return told["single_stream"].get("p50_ms") or {}


def _mean(values: list[float]) -> float:
    """Geometric."""
    return float(np.exp(np.mean(np.log(values))))
