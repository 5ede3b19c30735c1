"""Which recipe to ship: chosen on validation among the cells within the limits. Its text: `recommendation_text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.report.acceptance.marks import Failed
from edgemin.report.blocks import Compared, compared, floor_first
from edgemin.report.dominance import beaten
from edgemin.report.measured import logits_of, machine_of
from edgemin.report.readings import READINGS
from edgemin.report.recipes import recipe
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import Values, values_of
from edgemin.study.floor import is_baseline

LIMITS = {"max_accuracy_drop": "drop_bound", "max_bytes": "bytes_most", "max_p90_ms": "p90_from_text"}
"""Key of the study -> the column that it limits."""
_PREFER = {"latency": ("p90_from_text", True), "bytes": ("bytes", True), "quality": ("validation", False)}
NONE: Failed = {}
"""No cell failed."""


def candidates(block: Mapping[str, Any], limits: Mapping[str, Any], failed: Failed = NONE) -> pd.DataFrame:
    """One row per cell: `p90_from_text`, its p90 in ms times what tokenising adds to p50, since a baseline's times are from text; `bytes_most`, of
    the largest of its seeds; `drop` on validation below the first and what `bound` compares with its limit (`drop_bound`), the same by each of
    `READINGS` (`drop_by_{name}`), which limits it meets, `pareto`, how far it exceeds them, and whether it is `accepted`.

    block: of the table's spec, the teacher first. failed: cells that are not accepted.
    """
    judge, rows, teacher = Judge.of(block), [], None
    machine = machine_of(block["rows"][0]["seeds"])
    for cell in compared(block):
        values = _on_validation(judge, cell)
        teacher = teacher or values
        drop = (teacher - values).estimate()
        exact, examples = values is teacher, values.each.shape[1]
        read = {f"drop_by_{name}": drop.value if exact else one.of(drop, examples) for name, one in READINGS.items()}
        on_validation = {"validation": float(values.by_seed.mean()), "drop": drop.value, **read}
        sizes = cell.results.loc[cell.results["metric"] == "bytes", "value"]
        rows.append({**cell.row, **on_validation, "bytes_most": float(sizes.max()), "recipe": recipe(cell.row["chain"])})
        if machine_of(cell.cell["seeds"]) != machine:
            rows[-1]["p90_from_text"] = None  # of another CPU: no time that compares
    table = pd.DataFrame(floor_first(rows)).astype({"p90_from_text": float})
    drops = ["drop", *(f"drop_by_{name}" for name in READINGS)]
    table[drops] = table[drops].round(12)
    table["drop_bound"] = table[f"drop_by_{reading_of(limits)}"]
    stated = {key: limits[key] for key in LIMITS if limits[key] is not None}
    for key, limit in stated.items():
        table[f"meets_{key}"] = table[LIMITS[key]] <= limit
    table["accepted"] = [(block["task"], cell) not in failed for cell in table["cell"]]
    sound = _sound(table)
    table["qualifies"] = table[[f"meets_{key}" for key in stated]].all(axis=1) & sound
    over = [(table[LIMITS[key]] - limit).clip(lower=0) / (limit or 0.01) for key, limit in stated.items()]
    table["excess"] = sum(over) if over else 0.0
    table["pareto"] = [
        bool(fine) and not beaten(row, table[sound], ("bytes", "p90_from_text"), "validation")
        for fine, (_, row) in zip(sound, table.iterrows(), strict=True)
    ]
    return table


def _sound(table: pd.DataFrame) -> pd.Series:
    """(rows,) bool: accepted, and with a quality on validation that is a number."""
    return table["accepted"] & table["validation"].notna()


def reading_of(limits: Mapping[str, Any]) -> str:
    """What the limit is compared with; in studies from before the key the drop itself."""
    return str(limits.get("bound", "point"))


def _on_validation(judge: Judge, one: Compared) -> Values:
    return values_of(judge, *logits_of([seed["folder"] for seed in one.cell["seeds"]], "validation"))


def choose(table: pd.DataFrame, limits: Mapping[str, Any], without: str | None = None) -> pd.Series | None:
    """The preferred one of the accepted cells that meet all limits (but `without`) and have a quality on validation; ties go to the earlier one. None if
    there is none. Where no time compares with the teacher's, the smallest is the fastest that can be named."""
    keys = [key for key in LIMITS if limits[key] is not None and key != without]
    fitting = table[table[[f"meets_{key}" for key in keys]].all(axis=1) & _sound(table)]
    column, ascending = _PREFER[limits["prefer"]]
    if fitting[column].isna().all():
        column, ascending = _PREFER["bytes"]
    return None if fitting.empty else fitting.sort_values(column, ascending=ascending, kind="stable").iloc[0]


def choose_by(table: pd.DataFrame, limits: Mapping[str, Any], reading: str) -> pd.Series | None:
    """The choice if the limit on drops were compared by another of `READINGS`."""
    meets = table[f"drop_by_{reading}"] <= limits["max_accuracy_drop"]
    return choose(table.assign(meets_max_accuracy_drop=meets), limits)


def choose_cell(table: pd.DataFrame, limits: Mapping[str, Any]) -> pd.Series | None:
    """`choose` among cells alone: of baselines no bundle is made."""
    return choose(table[~table["chain"].map(is_baseline)], limits)


def chosen_cells(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Task -> cell of which a bundle is made. rows: of recommendation.csv, as text.

    Raises EdgeminError for a task of which no cell is within all limits.
    """
    chosen: dict[str, str | None] = {}
    for row in rows:
        chosen.setdefault(row["task"], None)
        if row["shipped"] == "True":
            chosen[row["task"]] = row["cell"]
    if lacking := [task for task, cell in chosen.items() if cell is None]:
        raise EdgeminError(
            f"recommend: no cell is within all limits for task {', '.join(lacking)}, so there is none to ship; relax one of them "
            "(tables/recommendation.md says which), or name cells under `deploy`"
        )
    return {task: cell for task, cell in chosen.items() if cell is not None}
