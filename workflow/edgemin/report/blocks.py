"""Tables in blocks: cells whose qualities are compared with another's of the same block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edgemin.measure.blocks import Interval
from edgemin.report.collect import collect
from edgemin.report.measured import latencies_of, logits_of, of_one_machine, sizes_of
from edgemin.report.statistics.adjust import adjusted
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import Values, values_of
from edgemin.study.floor import is_baseline
from edgemin.study.kind import metric_of


@dataclass(frozen=True)
class Judged:
    """A cell of a block."""

    row: dict[str, Any]
    """Names, quality and its change, unrounded."""
    logits: np.ndarray
    """(seeds, examples, classes) on the test split."""


def judged(judge: Judge, cells: Sequence[tuple[Mapping[str, Any], Sequence[str]]], stepwise: bool = False) -> list[Judged]:
    """Qualities of a block's cells, in order. cells: (names, `chain` among them; folder of the measurements of each seed).

    A change is against the first cell, or, stepwise, against the cell that this one was made from, and if that is not among them the
    one before. A baseline is no step, and no hypothesis: it has no change stepwise, and no p. `best` marks a cell that is above every other one of the block, each by more than the interval of their paired difference.
    """
    scored: list[Judged] = []
    labels, logits = _predictions(cells)
    values = [values_of(judge, labels, one) for one in logits]
    for number, (names, _) in enumerate(cells):
        scores = values[number].by_seed
        row = {
            **names,
            "metric": judge.metric,
            "seeds": len(scores),
            **interval_columns("quality", possible(values[number].estimate().interval(), judge.metric)),
            "quality_sd": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
            "quality_by_seed": _listed(scores),
            "best": False,
            **cautions(judge, labels),
        }
        if is_baseline(names["chain"]):
            row |= {} if stepwise else {**change_columns(values[number] - values[0]), **UNTESTED}
        elif number:
            other = _step_before([names["chain"] for names, _ in cells], number) if stepwise else 0
            row |= {"against": cells[other][0]["chain"], **change_columns(values[number] - values[other])}
        scored.append(Judged(row, logits[number]))
    if (best := _best(scored, values)) is not None:
        scored[best].row["best"] = True
    return scored


def _best(scored: Sequence[Judged], values: Sequence[Values]) -> int | None:
    """The cell that is above every other one whose quality is a number; None without such a one."""
    numbers = [number for number, one in enumerate(scored) if np.isfinite(one.row["quality"])]
    if not numbers:
        return None
    best = max(numbers, key=lambda number: scored[number].row["quality"])
    above = [(values[best] - values[other]).estimate().above_zero() for other in numbers if other != best]
    return best if above and all(above) else None


def _step_before(chains: Sequence[str], number: int) -> int:
    """Of the chains above it, the longest that this one goes on from; else the last."""
    ancestors = [other for other in range(number) if chains[number].startswith(f"{chains[other]}/")]
    return max(ancestors, key=lambda other: len(chains[other]), default=number - 1)


_ENDS = {"share": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""Unit of a metric -> between which its values are."""


def possible(interval: Interval, metric: str) -> Interval:
    """An interval that ends where the metric does."""
    least, most = _ENDS.get(metric_of(metric).unit, (-np.inf, np.inf))
    return Interval(interval.value, max(interval.low, least), min(interval.high, most))


def _predictions(cells: Sequence[tuple[Mapping[str, Any], Sequence[str]]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (N,), and of each cell the logits (S, N, K)."""
    read = [logits_of(folders) for _, folders in cells]
    return read[0][0], [logits for _, logits in read]


def change_columns(change: Values) -> dict[str, Any]:
    """A paired difference, and how sure it is: `change_over` says what its interval and p are over (`Estimate.over`).

    Below four seeds there is no p and no minimum detectable effect. Where both metrics are constant there is nothing at all: the
    answers may differ, but the metric does not tell.
    """
    estimate = change.estimate()
    columns = interval_columns("quality_change", estimate.interval())
    if change.constant and not estimate.error:
        return {**columns, **UNTESTED}
    return {
        **columns,
        "change_over": estimate.over,
        "change_by_seed": _listed(change.by_seed),
        "p": estimate.p(),
        "smallest_effect": estimate.smallest_effect(),
    }


UNTESTED: Mapping[str, Any] = {"change_over": None, "change_by_seed": "", "p": None, "smallest_effect": None}
"""Of a comparison without a test: of a baseline, or by a metric that is constant."""


def cautions(judge: Judge, labels: np.ndarray) -> dict[str, str]:
    """`caution`, where there is one: what a test split of labels (N, ...) cannot show."""
    if len(np.unique(labels, axis=0)) > 1:
        return {}
    return {"caution": f"the test split has one {'class' if judge.kind.classes else 'label'} only"}


def _listed(values: np.ndarray) -> str:
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
    timed: pd.DataFrame
    """Of it what is of seeds that one machine timed; a ratio to the parent also where that is the teacher."""


def compared(block: Mapping[str, Any], stepwise: bool = False) -> Iterator[Compared]:
    """The cells of a block of the plan, in order, and then its baselines. block: `task`, `metric`, `rows`: [{cell, about, seeds}], and `floor`, if
    it has baselines."""
    first, rows = block["rows"][0]["cell"], [*block["rows"], *block.get("floor", ())]
    cells = []
    for cell in rows:
        names = {"task": block["task"], "reference": first, "cell": cell["cell"], "chain": cell["seeds"][0]["chain"]}
        cells.append((names | cell["about"], [seed["folder"] for seed in cell["seeds"]]))
    for one, cell in zip(judged(Judge.of(block), cells, stepwise), rows, strict=True):
        results = collect(cell["seeds"])
        timed = results[results["seed"].isin([seed["seed"] for seed in of_one_machine(cell["seeds"])])]
        if not is_baseline(one.row["chain"]):
            timed = _teacher_as_parent(timed)
        yield Compared({**one.row, **sizes_of(results), **latencies_of(timed)}, one.logits, cell, results, timed)


def _teacher_as_parent(timed: pd.DataFrame) -> pd.DataFrame:
    """Where the parent is the teacher, no third model is timed: the ratio to the one is that to the other."""
    names = timed["metric"].astype(str)
    if names.str.startswith("speedup_over_parent").any():
        return timed
    ratios = timed[names.str.startswith("speedup_over_reference")]
    return pd.concat([timed, ratios.assign(metric=ratios["metric"].str.replace("reference", "parent", regex=False))])


def frame_of(blocks: Sequence[Mapping[str, Any]], stepwise: bool = False) -> pd.DataFrame:
    """One row per cell of blocks, in their order, numbers unrounded, p-values corrected for all of them."""
    rows = [floor_first([one.row for one in compared(block, stepwise)]) for block in blocks]
    return adjusted(pd.DataFrame([row for block in rows for row in block]))


def floor_first(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a block as they are read: its baselines above its cells."""
    return sorted(rows, key=lambda row: not is_baseline(row["chain"]))
