"""The choice of how many units each block keeps: the least loss within a time.

A knapsack in which every block has one of several options. Dynamic programming over the blocks, as SPDY (Frantar & Alistarh 2022, arXiv
2201.13096) and ZipLM (Kurtic et al. 2023, arXiv 2302.04089) do: exact for times that are rounded up to ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TICKS = 10_000
"""Parts of the budget. Rounded up, the times of 24 blocks are too high by at most 24 ticks: 0.24 % of the budget."""

SHARES = 1000
"""Parts of the units that `alike` tries."""


@dataclass(frozen=True)
class Option:
    """One way to cut a block."""

    kept: int
    """Units."""
    loss: float
    """Of the units that go."""
    time: float
    """Of those that stay."""


def choose(blocks: Sequence[Sequence[Option]], budget: float, ticks: int = TICKS) -> list[Option] | None:
    """For each block the option of a choice with the least sum of losses, the sum of times at most `budget`; None if even the fastest
    options take longer. Of options with the same loss the faster one is taken.

    budget: in the unit of the times, positive. ticks: times are rounded up to a budget's parts of this number.
    """
    fastest = [min(options, key=lambda option: option.time) for options in blocks]
    if sum(option.time for option in fastest) > budget * (1 + 1e-9):  # what is equal but for the last digits of floats fits
        return None
    sorted_blocks = [sorted(options, key=lambda option: (option.time, option.loss)) for options in blocks]
    least, taken = np.zeros(ticks + 1), []  # least[t]: loss of the blocks so far within t ticks
    for options in sorted_blocks:
        least, which = _with_block(least, options, budget, ticks)
        taken.append(which)
    if not np.isfinite(least[ticks]):  # feasible by less than the rounding: nothing but the fastest fits
        return fastest
    chosen, left = [], ticks
    for options, which in zip(reversed(sorted_blocks), reversed(taken), strict=True):
        option = options[which[left]]
        chosen.append(option)
        left -= _cost(option, budget, ticks)
    return chosen[::-1]


def choose_reading(blocks: Sequence[Sequence[Option]], attention: int, budget: float, ticks: int = TICKS) -> list[Option] | None:
    """As `choose`, and one of the first `attention` blocks keeps a unit: without attention the token that is classified reads no other."""
    chosen = choose(blocks, budget, ticks)
    if chosen is None or any(option.kept for option in chosen[:attention]):
        return chosen
    others = []
    for layer in range(attention):
        reading = [option for option in blocks[layer] if option.kept]
        if reading and (other := choose([*blocks[:layer], reading, *blocks[layer + 1 :]], budget, ticks)) is not None:
            others.append(other)
    return min(others, key=lambda one: sum(option.loss for option in one), default=None)


def alike(blocks: Sequence[Sequence[Option]], budget: float) -> list[Option] | None:
    """For each block the option that is nearest to one share of its units: the largest share with a sum of times of at most `budget`; None if
    even a share of 0 takes longer. The most units of a block are all that it has."""
    wholes = [max(option.kept for option in options) for options in blocks]
    for part in range(SHARES, -1, -1):
        wanted = [whole * part / SHARES for whole in wholes]
        chosen = [_nearest(options, units) for options, units in zip(blocks, wanted, strict=True)]
        if sum(option.time for option in chosen) <= budget:
            return chosen
    return None


def _nearest(options: Sequence[Option], units: float) -> Option:
    """Of two that are as near the smaller."""
    return min(options, key=lambda option: (abs(option.kept - units), option.kept))


def _with_block(least: np.ndarray, options: Sequence[Option], budget: float, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """The least losses with one block more, and the option that each takes."""
    best, which = np.full(ticks + 1, np.inf), np.zeros(ticks + 1, dtype=np.int32)
    for number, option in enumerate(options):
        cost = _cost(option, budget, ticks)
        if cost <= ticks:
            loss = least[: ticks + 1 - cost] + option.loss
            better = loss < best[cost:]
            best[cost:][better], which[cost:][better] = loss[better], number
    return best, which


def _cost(option: Option, budget: float, ticks: int) -> int:
    """Ticks, rounded up; what is a whole number of them but for the last digits of a float is not."""
    return int(np.ceil(option.time / budget * ticks - 1e-6)) if option.time else 0
