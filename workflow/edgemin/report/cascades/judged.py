"""A cascade of a study: chosen on validation seed by seed, judged on test over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemin.report.cascades import times
from edgemin.report.cascades.chosen import answers, confidences, rows_of_members, select
from edgemin.report.cascades.thresholds import Chosen, route
from edgemin.report.measured import count_of, logits_of
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import Values, values_of


@dataclass(frozen=True)
class Member:
    """A model by itself."""

    name: str
    chain: str
    runtime: str
    values: Values
    """Of the metric, on test."""
    quantiles: np.ndarray
    """(5,) of `times.quantiles_of`."""
    bytes: float

    def time(self) -> dict[str, float]:
        """`mean`, `p90` and `p99` in ms."""
        return times.composed(self.quantiles[None], [1.0])


@dataclass(frozen=True)
class Judged:
    """A cascade; lists have an entry for each seed."""

    members: list[Member]
    teacher: Member
    chosen: list[Chosen]
    temperatures: list[list[float]]
    """Of each member."""
    shares: np.ndarray
    """(S, M) of the test texts, how many each member answers."""
    values: Values
    """Of the metric, on test."""

    def time(self) -> dict[str, float]:
        """`mean`, `p90` and `p99` in ms, means over seeds."""
        quantiles = np.stack([member.quantiles for member in self.members])
        each = [
            times.composed(times.passed(quantiles, one.thresholds), shares)
            for one, shares in zip(self.chosen, self.shares, strict=True)
        ]
        return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def judge(block: Mapping[str, Any]) -> Judged:
    """block: of the table's spec: `metric`, `kind`, `members`, `teacher`, `rows` of both, `max_drop` and `bound`. A row's times are those
    of its `timed`, if that is there, else of its `seeds`."""
    judged_by = Judge.of(block)
    by_name = {row["cell"]: _member(judged_by, row) for row in block["rows"]}
    members = [by_name[name] for name in block["members"]]
    selected = select(block)
    gold, test = answers(rows_of_members(block), "test")
    each = zip(selected.chosen, selected.temperatures, strict=True)
    who = np.stack([route(confidences(test[:, seed], scales), one.thresholds) for seed, (one, scales) in enumerate(each)])
    scaled = test / np.array(selected.temperatures).T[:, :, None, None]
    logits = np.take_along_axis(scaled, who[None, :, :, None], axis=0)[0]
    shares = np.stack([(who == member).mean(1) for member in range(len(members))], axis=1)
    values = values_of(judged_by, gold, logits)
    return Judged(members, by_name[block["teacher"]], selected.chosen, selected.temperatures, shares, values)


def _member(judged_by: Judge, row: Mapping[str, Any]) -> Member:
    seeds = row["seeds"]
    values = values_of(judged_by, *logits_of([seed["folder"] for seed in seeds]))
    quantiles = times.quantiles_of(row.get("timed", seeds))
    return Member(row["cell"], seeds[0]["chain"], seeds[0]["runtime"], values, quantiles, count_of("bytes", seeds))
