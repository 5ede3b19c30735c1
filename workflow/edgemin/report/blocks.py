"""Tables in blocks: cells whose qualities are compared with another's of the same block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edgemin.measure.blocks import Interval
from edgemin.report.collect import collect
from edgemin.report.measured import latencies_of, logits_of, sizes_of
from edgemin.report.statistics.adjust import adjusted
from edgemin.report.statistics.intervals import by_seed, constant, difference, quality
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.significance import mcnemar, sign_flip, smallest_effect


@dataclass(frozen=True)
class Judged:
    """A cell of a block."""

    row: dict[str, Any]
    """Names, quality and its change, unrounded."""
    logits: np.ndarray
    """(seeds, examples, classes) on the test split."""


def judged(judge: Judge, cells: Sequence[tuple[Mapping[str, Any], Sequence[str]]], stepwise: bool = False) -> list[Judged]:
    """Qualities of a block's cells, in order. cells: (names, folder of the measurements of each seed).

    A change is against the first cell, or, stepwise, against the one before. `best` marks a cell that is above every
    other one of the block, each by more than the interval of their paired difference.
    """
    found: list[Judged] = []
    labels, logits = _predictions(cells)
    for number, (names, _) in enumerate(cells):
        scores = by_seed(judge, labels, logits[number])
        row = {
            **names,
            "metric": judge.metric,
            "seeds": len(scores),
            **interval_columns("quality", quality(judge, labels, logits[number])),
            "quality_sd": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
            "quality_by_seed": _listed(scores),
            "best": False,
            **cautions(judge, labels),
        }
        if number:
            row |= change_columns(judge, labels, logits[number], logits[number - 1 if stepwise else 0])
        found.append(Judged(row, logits[number]))
    best = max(range(len(found)), key=lambda number: found[number].row["quality"])
    others = [one for number, one in enumerate(logits) if number != best]
    found[best].row["best"] = bool(others) and all(difference(judge, labels, logits[best], one).low > 0 for one in others)
    return found


def _predictions(cells: Sequence[tuple[Mapping[str, Any], Sequence[str]]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (N,), and of each cell the logits (S, N, K)."""
    read = [logits_of(folders) for _, folders in cells]
    return read[0][0], [logits for _, logits in read]


def change_columns(judge: Judge, labels: np.ndarray, logits: np.ndarray, against: np.ndarray) -> dict[str, Any]:
    """The paired difference (S, N, K) - (S, N, K), and how sure it is.

    p: of the sign-flip test over seeds; with one seed of McNemar's test, which speaks of these two checkpoints and not of
    the methods that made them. Where answers are neither right nor wrong, as in regression, there is no McNemar test.
    Where the metric is the same in every resample it has no p: the answers may differ, but it does not tell.
    """
    interval = difference(judge, labels, logits, against)
    if interval.low == interval.high and constant(judge, labels, logits) and constant(judge, labels, against):
        return {**interval_columns("quality_change", interval), **UNTOLD}
    pairs = list(zip(by_seed(judge, labels, logits), by_seed(judge, labels, against), strict=True))
    ours, theirs = judge.scores.right(labels, logits), judge.scores.right(labels, against)
    checkpoints = [] if ours is None or theirs is None else [mcnemar(*both) for both in zip(ours, theirs, strict=True)]
    differences = [ours - theirs for ours, theirs in pairs]
    return {
        **interval_columns("quality_change", interval),
        "change_by_seed": _listed(differences),
        "p": sign_flip(differences) if len(pairs) > 1 else next(iter(checkpoints), None),
        "p_test": "sign-flip" if len(pairs) > 1 else "McNemar",
        "mcnemar_by_seed": _listed(checkpoints),
        "smallest_effect": smallest_effect(interval.low, interval.high),
    }


UNTOLD: Mapping[str, Any] = dict.fromkeys(["change_by_seed", "mcnemar_by_seed"], "") | dict.fromkeys(
    ["p", "p_test", "smallest_effect"]
)
"""Of a comparison by a metric that is constant."""


def cautions(judge: Judge, labels: np.ndarray) -> dict[str, str]:
    """`caution`, where there is one: what a test split of labels (N, ...) cannot show."""
    if len(np.unique(labels, axis=0)) > 1:
        return {}
    return {"caution": f"the test split has one {'class' if judge.kind.classes else 'label'} only"}


def _listed(values: Sequence[float]) -> str:
    """For a cell of a CSV file."""
    return " ".join(f"{value:.6g}" for value in values)


def interval_columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


@dataclass(frozen=True)
class Compared(Judged):
    """A cell of a block, with its sizes and latencies in the row."""

    cell: Mapping[str, Any]
    """As the plan gives it."""
    results: pd.DataFrame
    """All that was measured, long."""


def compared(block: Mapping[str, Any], stepwise: bool = False) -> Iterator[Compared]:
    """The cells of a block of the plan, in order. block: `task`, `metric`, `rows`: [{cell, about, seeds}]."""
    first = block["rows"][0]["cell"]
    cells = []
    for cell in block["rows"]:
        names = {"task": block["task"], "reference": first, "cell": cell["cell"], "chain": cell["seeds"][0]["chain"]}
        cells.append((names | cell["about"], [seed["folder"] for seed in cell["seeds"]]))
    for one, cell in zip(judged(Judge.of(block), cells, stepwise), block["rows"], strict=True):
        results = collect(cell["seeds"])
        yield Compared({**one.row, **sizes_of(results), **latencies_of(results)}, one.logits, cell, results)


def frame_of(blocks: Sequence[Mapping[str, Any]], stepwise: bool = False) -> pd.DataFrame:
    """One row per cell of blocks, in their order, numbers unrounded, p-values corrected for all of them."""
    return adjusted(pd.DataFrame([one.row for block in blocks for one in compared(block, stepwise)]))
