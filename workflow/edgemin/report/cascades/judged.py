"""A cascade of a study: chosen on validation seed by seed, judged on test over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemin.report.cascades import times
from edgemin.report.cascades.confidence import confidence, temperature
from edgemin.report.cascades.thresholds import Chosen, choose, route
from edgemin.report.measured import count_of, logits_of
from edgemin.report.readings import READINGS
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
    judged_by, rows = Judge.of(block), {row["cell"]: row for row in block["rows"]}
    found = {name: _member(judged_by, row) for name, row in rows.items()}
    members = [found[name] for name in block["members"]]
    folders = [[seed["folder"] for seed in rows[name]["seeds"]] for name in block["members"]]
    labels, validation = _answers(folders, "validation")
    gold, test = _answers(folders, "test")
    each = [times.mean(member.quantiles) for member in members]
    chosen, temperatures, who = [], [], []
    for seed in range(validation.shape[1]):
        scales = [temperature(labels, one) for one in validation[:, seed]]
        right = validation[:, seed].argmax(-1) == labels
        one = choose(_confidences(validation[:, seed], scales), right, each, block["max_drop"], READINGS[block["bound"]])
        chosen.append(one)
        temperatures.append(scales)
        who.append(route(_confidences(test[:, seed], scales), one.thresholds))
    answers = np.stack(who)
    scaled = test / np.array(temperatures).T[:, :, None, None]
    logits = np.take_along_axis(scaled, answers[None, :, :, None], axis=0)[0]
    shares = np.stack([(answers == member).mean(1) for member in range(len(members))], axis=1)
    values = values_of(judged_by, gold, logits)
    return Judged(members, found[block["teacher"]], chosen, temperatures, shares, values)


def _member(judged_by: Judge, row: Mapping[str, Any]) -> Member:
    seeds = row["seeds"]
    values = values_of(judged_by, *logits_of([seed["folder"] for seed in seeds]))
    quantiles = times.quantiles_of(row.get("timed", seeds))
    return Member(row["cell"], seeds[0]["chain"], seeds[0]["runtime"], values, quantiles, count_of("bytes", seeds))


def _answers(folders: list[list[str]], split: str) -> tuple[np.ndarray, np.ndarray]:
    """labels (N,) and logits (M, S, N, K) of all members."""
    read = [logits_of(one, split) for one in folders]
    return read[0][0], np.stack([logits for _, logits in read]).astype(float)


def _confidences(logits: np.ndarray, scales: list[float]) -> np.ndarray:
    """(M - 1, N), of all members but the last. logits: (M, N, K)."""
    return np.stack([confidence(one, scale) for one, scale in zip(logits[:-1], scales, strict=False)])
