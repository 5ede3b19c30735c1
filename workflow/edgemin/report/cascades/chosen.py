"""What validation chooses of a cascade: temperatures, and the thresholds of the least expected time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemin.report.cascades import times
from edgemin.report.cascades.confidence import confidence, temperature
from edgemin.report.cascades.thresholds import Chosen, choose
from edgemin.report.measured import logits_of
from edgemin.report.readings import READINGS


@dataclass(frozen=True)
class Selection:
    """Lists have an entry for each seed."""

    chosen: list[Chosen]
    temperatures: list[list[float]]
    """Of each member."""


def select(block: Mapping[str, Any]) -> Selection:
    """block: of the table's spec: `members`, `rows`, `max_drop` and `bound`. A row's times are those of its `timed`, if that is there, else of its
    `seeds`."""
    rows = rows_of_members(block)
    each = [times.mean(times.quantiles_of(row.get("timed", row["seeds"]))) for row in rows]
    labels, logits = answers(rows, "validation")
    chosen, temperatures = [], []
    for seed in range(logits.shape[1]):
        scales = [temperature(labels, one) for one in logits[:, seed]]
        right = logits[:, seed].argmax(-1) == labels
        sure = confidences(logits[:, seed], scales)
        chosen.append(choose(sure, right, each, block["max_drop"], READINGS[block["bound"]]))
        temperatures.append(scales)
    return Selection(chosen, temperatures)


def rows_of_members(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In the order in which they are asked."""
    rows = {row["cell"]: row for row in block["rows"]}
    return [rows[name] for name in block["members"]]


def answers(rows: Sequence[Mapping[str, Any]], split: str) -> tuple[np.ndarray, np.ndarray]:
    """labels (N,) and logits (M, S, N, K) of all members."""
    read = [logits_of([seed["folder"] for seed in row["seeds"]], split) for row in rows]
    return read[0][0], np.stack([logits for _, logits in read]).astype(float)


def confidences(logits: np.ndarray, scales: Sequence[float]) -> np.ndarray:
    """(M - 1, N), of all members but the last. logits: (M, N, K)."""
    return np.stack([confidence(one, scale) for one, scale in zip(logits[:-1], scales, strict=False)])
