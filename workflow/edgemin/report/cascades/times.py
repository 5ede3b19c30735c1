"""The time of a cascade, composed of the times of its members: nobody has measured it as a whole.

A text costs the time of every member that it visits. How long a text takes within a member is known by quantiles. They are taken together: the
text that is at share u of one member's times is there in every member's, since length makes it so, and u says nothing of how far a text goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgemin.core.files import read_json
from edgemin.report.measured import of_one_machine

SHARES = (0.0, 0.5, 0.9, 0.99, 1.0)
"""Where the quantiles of a member are known: least, p50, p90, p99; above p99 it stays there."""
_GRID = (np.arange(2000) + 0.5) / 2000


def quantiles_of(seeds: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """ms at `SHARES`, from text to answer, mean over the timed seeds of one machine. seeds: of a row."""
    return np.mean([_quantiles(read_json(f"{seed['folder']}/latency.json")) for seed in of_one_machine(seeds)], axis=0)


def _quantiles(latency: Mapping[str, Any]) -> np.ndarray:
    """Tokenisation is measured with p50 alone: other quantiles scale as p50 does. The least time is on the clock of its own rounds, as p50 is not."""
    stream = latency["single_stream"]
    p50, p90, p99 = (stream[f"p{share}_ms"]["value"] for share in (50, 90, 99))
    least = stream["min_ms"] * p50 / stream["own_p50_ms"]
    return np.array([least, p50, p90, p99, p99]) * latency["end_to_end_p50_ms"]["value"] / p50


def mean(quantiles: np.ndarray) -> float:
    """Of times that lie evenly between their quantiles (.., 5)."""
    return float((np.diff(SHARES) * (quantiles[1:] + quantiles[:-1]) / 2).sum())


def passed(quantiles: np.ndarray, thresholds: Sequence[float | None]) -> np.ndarray:
    """(M, 5) quantiles of a text that the m-th member answers: its own, and those of all members before it that are not left out."""
    asked = np.array([*(one is not None for one in thresholds), True])
    return np.cumsum(quantiles * asked[:, None], axis=0)


def composed(paths: np.ndarray, shares: Sequence[float] | np.ndarray) -> dict[str, float]:
    """`mean`, `p90` and `p99` in ms. paths: (M, 5) of `passed`. shares: of the texts, how many each member answers."""
    every = np.concatenate([np.interp(_GRID, SHARES, path) for path in paths])
    weights = np.repeat(np.asarray(shares, dtype=float), len(_GRID))
    order = np.argsort(every)
    below = np.cumsum(weights[order]) / weights.sum()
    found = {f"p{share}": float(every[order][np.searchsorted(below, share / 100 - 1e-9)]) for share in (90, 99)}
    return {"mean": float(sum(share * mean(path) for share, path in zip(shares, paths, strict=True))), **found}
