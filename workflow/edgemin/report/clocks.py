"""Whose times compare: those of one CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgemin.report.measured import latency_note, machine_of, of_one_machine, timed_of
from edgemin.study.chains import ROOT

Seeds = Sequence[Mapping[str, Any]]
"""What was measured of a cell, of each seed."""


def one_clock(*cells: Seeds) -> bool:
    """Whether the times of these cells are of one CPU."""
    return len({machine_of(seeds) for seeds in cells}) == 1


def ratios_compare(*cells: Seeds) -> bool:
    """Whether their ratios to the teacher are of one CPU. The teacher's own is 1 on each."""
    others = [seeds for seeds in cells if seeds[0]["chain"] != ROOT]
    return not others or one_clock(*others)


def times_note(seeds: Seeds) -> str:
    """`latency_note`, and of which cells a seed's time is left out that others have. seeds: of all rows of a table."""
    named = _numbers(timed_of(seeds)) - _numbers(of_one_machine(seeds))
    cells: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for seed in timed_of(seeds):
        cells.setdefault((seed["task"], seed["cell"], seed["runtime"]), []).append(seed)
    left = {own[0]["cell"]: sorted(_numbers(own) - _numbers(of_one_machine(own)) - named) for own in cells.values()}
    clauses = [f"of {cell} that of seed {', '.join(map(str, numbers))}" for cell, numbers in left.items() if numbers]
    return (
        f"{latency_note(seeds)} Left out, too, since of another machine: {'; '.join(clauses)}."
        if clauses
        else latency_note(seeds)
    )


def _numbers(seeds: Seeds) -> set[int]:
    return {seed["seed"] for seed in seeds}
