"""The verdict on a quantized cell: every measure of every seed against its limit, on validation; the test split is given beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.report.acceptance.measures import MEASURES, Answers, Measure
from edgemin.report.measured import logits_of
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import values_of

CHANCE = 0.05
"""A measure beyond its limit counts where no larger share of the resamples is within it."""
_RESAMPLES, _SEED = 200, 0


def verdict(spec: Mapping[str, Any]) -> dict[str, Any]:
    """On one cell, as plain JSON types.

    spec: `task`, `metric` (and `kind`), `cell`, `chain`, `runtime`, `parent` ({chain, runtime}), `limits` (measure -> value), and `seeds`:
    [{seed, folder, parent}], folders of the measurements of both. A cell is accepted if every measure of every seed is within its limit, or
    beyond it by no more than chance. Raises EdgeminError if both did not answer the same texts.
    """
    judge = Judge.of(spec)
    held_out = [_answers(one, "validation") for one in spec["seeds"]]
    seen = [_answers(one, "test") for one in spec["seeds"]]
    numbers = [one["seed"] for one in spec["seeds"]]
    measures = {
        name: {**judged, "test": [_plain(MEASURES[name].of(judge, one)) for one in seen]}
        for name, limit in spec["limits"].items()
        if (judged := of_seeds(MEASURES[name], judge, held_out, limit, numbers)) is not None
    }
    about = {name: spec[name] for name in ("task", "metric", "cell", "chain", "runtime", "parent")}
    return {
        **about,
        "split": "validation",
        "examples": len(held_out[0].labels),
        "accepted": all(one["accepted"] for one in measures.values()),
        "drop": _drop(judge, held_out),
        "measures": measures,
    }


def of_seeds(
    measure: Measure, judge: Judge, answers: Sequence[Answers], limit: float, seeds: Sequence[int]
) -> dict[str, Any] | None:
    """A measure of all seeds: `value`, `low` and `high` (95 %, of other texts) are of the worst `seed`. None where it means nothing."""
    results = [one_seed(measure, judge, one, limit) for one in answers]
    if any(one is None for one in results):
        return None
    known = [one for one in results if one is not None]
    worst = max(range(len(known)), key=lambda number: (not known[number]["accepted"], _badness(measure, known[number]["value"])))
    each = [one["value"] for one in known]
    return {"limit": limit, **known[worst], "seed": seeds[worst], "by_seed": each}


def one_seed(measure: Measure, judge: Judge, answers: Answers, limit: float) -> dict[str, Any] | None:
    """`value`, its interval from resampled texts (percentile bootstrap, Efron and Tibshirani 1993, chapter 13), and `accepted`. Of answers
    that are no numbers every measure is none, and fails: resamples may miss them."""
    value = measure.of(judge, answers)
    if value is None:
        return None
    if not (math.isfinite(value) and np.isfinite(answers.ours).all()):
        return {"value": None, "low": None, "high": None, "accepted": False}
    draw, count = np.random.default_rng(_SEED), len(answers.labels)
    again = [measure.of(judge, answers.at(draw.integers(0, count, count))) for _ in range(_RESAMPLES)]
    values = np.array(again, dtype=float)
    chance = float(measure.within(values, limit).mean()) if measure.chance is None else measure.chance(judge, answers, limit)
    accepted = bool(measure.within(value, limit)) or chance > CHANCE
    low, high = np.quantile(values, (0.025, 0.975))
    return {"value": _plain(value), "low": _plain(low), "high": _plain(high), "accepted": accepted}


def _badness(measure: Measure, value: float | None) -> float:
    if value is None:
        return math.inf
    return -value if measure.least else value


def _drop(judge: Judge, answers: Sequence[Answers]) -> dict[str, Any]:
    """The drop as tables have it: mean over seeds, paired by text, with its 95 % interval."""
    labels = answers[0].labels
    parent, ours = (values_of(judge, labels, np.stack([getattr(one, of) for one in answers])) for of in ("parent", "ours"))
    difference = (parent - ours).estimate()
    interval = difference.interval()
    return {"value": _plain(interval.value), "low": _plain(interval.low), "high": _plain(interval.high), "over": difference.over}


def _answers(seed: Mapping[str, Any], split: str) -> Answers:
    labels, ours = logits_of([seed["folder"]], split)
    theirs, parent = logits_of([seed["parent"]], split)
    if labels.shape != theirs.shape or not np.array_equal(labels, theirs, equal_nan=labels.dtype.kind == "f"):
        raise EdgeminError(
            f"{seed['folder']}/predictions.parquet: other texts than {seed['parent']}/predictions.parquet; delete both folders "
            "and run snakemake again"
        )
    return Answers(labels, parent[0], ours[0])


def _plain(value: Any) -> float | None:
    """What is not a number is None: JSON has no word for it."""
    return float(value) if value is not None and math.isfinite(value) else None
