"""How sure each member has to be: the thresholds of the least expected time, among those that lose no more on validation than is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from edgemin.report.readings import Reading

MOST = 20_000
"""Combinations of the thresholds of all members but the last two. Those of three members are all tried, up to so many rows; of more members
thresholds at even shares of the rows."""
_ROUNDING = 1e-12
"""5 texts of 1,000 are a drop of 0.005."""
Thresholds = tuple[float | None, ...]
"""Of each member but the last: it answers where its confidence is at least this. None: it is left out, and costs no time."""


@dataclass(frozen=True)
class Chosen:
    """Thresholds, and what they do on validation."""

    thresholds: Thresholds
    time: float
    """Expected of a text, in the unit of the members' times."""
    drop: float
    """Accuracy of the last member less that of the cascade."""


def route(confidence: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Which member answers each text, (N,) from 0. confidence: (M - 1, N), of all members but the last."""
    answers = np.full(confidence.shape[1], len(thresholds))
    for member in reversed(range(len(thresholds))):
        if (least := thresholds[member]) is not None:
            answers[confidence[member] >= least] = member
    return answers


def choose(confidence: np.ndarray, right: np.ndarray, times: Sequence[float], max_drop: float, reading: Reading) -> Chosen:
    """Search the observed confidences. Ties in time go to the smaller drop.

    confidence: (M - 1, N), of all members but the last. right: (M, N) booleans. times: of each member, for a text. reading: what of the drop
    is compared with `max_drop`. The last member alone is always allowed.
    """
    members, count = right.shape
    lost, won = right[-1] & ~right[:-1], ~right[-1] & right[:-1]
    tail = _Tail(confidence[-1], lost[-1], won[-1])
    best = Chosen((None,) * (members - 1), float(times[-1]), 0.0)
    for first in product(*(_candidates(one, members - 2) for one in confidence[:-1])):
        left, time, minus, plus = np.ones(count, dtype=bool), 0.0, 0, 0
        for member, least in enumerate(first):
            if least is not None:
                time += times[member] * left.sum()
                here = left & (confidence[member] >= least)
                minus, plus, left = minus + (here & lost[member]).sum(), plus + (here & won[member]).sum(), left & ~here
        for last in tail.options(left):
            spent = (time + times[-2] * last.asked + times[-1] * (left.sum() - last.answered)) / count
            allowed = within(minus + last.lost, plus + last.won, count, max_drop, reading)
            drops = (minus + last.lost - plus - last.won) / count
            for number in _fastest(spent, drops, allowed):
                found = Chosen((*first, last.thresholds[number]), float(spent[number]), float(drops[number]))
                best = min(best, found, key=_rank)
    return best


def within(lost: np.ndarray, won: np.ndarray, count: int, max_drop: float, reading: Reading) -> np.ndarray:
    """Whether drops are allowed: `Reading.of` for many drops at once. lost, won: texts of `count` that are wrong instead of right, and right
    instead of wrong."""
    drop = (np.asarray(lost) - won) / count
    bound = drop
    if reading.confidence is not None:
        variance = np.maximum((np.asarray(lost) + won) / count - drop**2, 0) / max(count - 1, 1)
        bound = drop + np.maximum(_student(reading.confidence, max(count - 1, 1)) * np.sqrt(variance), reading.least(count))
    return np.asarray(bound <= max_drop + _ROUNDING)


@cache
def _student(share: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(share, freedom))


@dataclass(frozen=True)
class _Options:
    """Ways to treat what comes to the member before the last, one an entry."""

    thresholds: Thresholds
    asked: int
    """Texts that it reads."""
    answered: np.ndarray
    lost: np.ndarray
    won: np.ndarray


class _Tail:
    """The member before the last: all of its thresholds at once."""

    def __init__(self, confidence: np.ndarray, lost: np.ndarray, won: np.ndarray) -> None:
        self.order = np.argsort(-confidence, kind="stable")
        ordered = confidence[self.order]
        self.ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        self.thresholds: Thresholds = tuple(ordered[self.ends].tolist())
        self.lost, self.won = lost, won

    def options(self, left: np.ndarray) -> tuple[_Options, _Options]:
        """Without it, and with it. left: (N,) texts that no member before has answered."""
        answered, lost, won = (np.cumsum(one[self.order])[self.ends] for one in (left, left & self.lost, left & self.won))
        none = np.zeros(1, dtype=int)
        return _Options((None,), 0, none, none, none), _Options(self.thresholds, int(left.sum()), answered, lost, won)


def _candidates(confidence: np.ndarray, members: int) -> list[float | None]:
    """Thresholds of one of so many members: none, and the observed confidences."""
    found, most = np.unique(confidence), int(MOST ** (1 / members))
    if len(found) > most:
        found = found[np.linspace(0, len(found) - 1, most).round().astype(int)]
    return [None, *found.tolist()]


def _fastest(spent: np.ndarray, drops: np.ndarray, allowed: np.ndarray) -> list[int]:
    """The number of the fastest of the allowed ones, of those the one with the smallest drop; nothing if none is allowed."""
    numbers = np.flatnonzero(allowed)
    return [int(numbers[np.lexsort((drops[numbers], spent[numbers].round(12)))[0]])] if len(numbers) else []


def _rank(one: Chosen) -> tuple[float, float]:
    return round(one.time, 12), one.drop
