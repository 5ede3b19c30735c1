"""One round of timing: models take turns in blocks inside one job, on the same sentences, with pinned threads.

Single stream: batch 1, real test sentences in a seeded order, tokenisation timed apart. Throughput: full batches.
`measure.rounds` pools the rounds of a cell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgemin.measure.blocks import percentile, ratio
from edgemin.study.measuring import Latency

Call = Callable[[Any], Any]


def plan(seconds_per_call: Mapping[str, float], protocol: Latency) -> tuple[int, dict[str, int]]:
    """Sentences in a block, and how often each model goes through them.

    Sentences follow from the protocol alone, so they are the same for every row of a table: minimum_calls over `blocks` blocks.
    Every model is called min(calls, seconds / its time) times, but not less than once for each sentence. Faster ones repeat a
    block's sentences, so that a block stays paired.
    """
    sentences = sentences_of_block(protocol)
    least = protocol.blocks * sentences
    wanted = {name: min(protocol.calls, int(protocol.seconds / pace)) for name, pace in seconds_per_call.items()}
    return sentences, {name: max(1, number // least) for name, number in wanted.items()}


def sentences_of_block(protocol: Latency) -> int:
    return -(-protocol.minimum_calls // protocol.blocks)


def take_turns(calls: Mapping[str, Call], items: Sequence[Any], protocol: Latency) -> dict[str, np.ndarray]:
    """Seconds of each call, per model (blocks, calls of a block). Models alternate A B C, C B A, A B C, ..."""
    names = list(calls)
    pace = {}
    for name, call in calls.items():
        for item in _cycle(items, 0, protocol.warmup):
            call(item)
        trial = [_seconds(call, item) for item in _cycle(items, 0, 5)]
        pace[name] = float(np.median(trial))
    size, repeats = plan(pace, protocol)
    timings: dict[str, list[list[float]]] = {name: [] for name in names}
    for block in range(protocol.blocks):
        chosen = _cycle(items, block * size, size)
        for name in names if block % 2 == 0 else reversed(names):
            call = calls[name]
            timings[name].append([_seconds(call, item) for _ in range(repeats[name]) for item in chosen])
    return {name: np.asarray(values) for name, values in timings.items()}


def _cycle(items: Sequence[Any], start: int, count: int) -> list[Any]:
    return [items[(start + offset) % len(items)] for offset in range(count)]


def _seconds(call: Call, item: Any) -> float:
    started = time.perf_counter_ns()
    call(item)
    return (time.perf_counter_ns() - started) / 1e9


def single_stream(timings: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Summary of one scenario: milliseconds of `model`, and how many times faster it is than each other one."""
    own = timings["model"]
    summary: dict[str, Any] = {
        "calls": own.size,
        "blocks": len(own),
        "min_ms": float(own.min() * 1e3),
        **{f"p{q}_ms": _scaled(percentile(own, q).as_dict(), 1e3) for q in (50, 90, 99)},
    }
    for name, values in timings.items():
        summary[f"speedup_over_{name}"] = None if name == "model" else ratio(values, own).as_dict()
        if name != "model":
            summary[f"{name}_p50_ms"] = float(np.median(values) * 1e3)
    del summary["speedup_over_model"]
    return summary


def throughput(timings: Mapping[str, np.ndarray], batch_size: int) -> dict[str, Any]:
    """Sentences per second of `model` in full batches, and its ratio to each other one.

    A block is one batch. Batches differ in length, so the seconds of a sentence are a mean over them: of their medians.
    """
    own = timings["model"]
    summary: dict[str, Any] = {
        "calls": own.size,
        "batch_size": batch_size,
        "sentences_per_second": batch_size / float(np.median(own, axis=1).mean()),
    }
    summary.update({f"speedup_over_{name}": ratio(values, own).as_dict() for name, values in timings.items() if name != "model"})
    return summary


def _scaled(values: dict[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in values.items()}
