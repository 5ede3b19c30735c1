"""How a ladder was chosen: on validation, stage by stage, with the alternatives that lost."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.choice import Choice
from edgemin.study.rows import judged, row_in
from edgemin.study.table import COUNTED, Table, common_runtime, measured_of, not_together

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Validation split alone; the test split has no part in it. Each stage was chosen with the stages before it as they were chosen, so the rows of "
    "one stage differ in that stage only. Difference: from the winner of the stage, paired. Wins: what the rule of the stage chooses from the numbers of "
    "this run; of times of two CPUs it chooses nothing. Taken: what the study goes on with, as its file says; another processor or other seeds may have another winner."
)
READS = {"quality": [], "smaller": ["size.json"], "fewer": ["size.json"], "faster": ["latency.json"]}
"""By what is chosen -> what is read besides answers."""


def _read_of(by: str, seed: Mapping[str, Any]) -> list[str]:
    """Files that a rule reads besides answers, as far as they are measured of this seed."""
    return [name for name in READS[by] if name in measured_of(seed.get("timed", True))]


class Choices(Table):
    name = "choice"
    title = "Choices"
    caption = "What was chosen on validation for each stage of a ladder, by which rule, and the alternatives that lost."
    key = list[Choice]
    default = []
    meaning = "stages of a ladder, their alternatives, and which was chosen. Made by the target `table_choice`"

    def cells(self, study: Study) -> list[str]:
        return [cell for one in self.settings(study) for cell in one.cells]

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        for number, one in enumerate(self.settings(study)):
            yield from not_together(study, f"tables.choice.{number}", one.cells)

    def spec(self, plan: Plan) -> dict[str, Any]:
        stages = []
        for task in plan.study.tasks:
            for one in self.settings(plan.study):
                runtime = common_runtime(plan.study, one.cells)
                assert runtime is not None
                rows = [row_in(plan, task, cell, runtime) for cell in one.cells]
                for row in rows:
                    row["seeds"] = [{**seed, "reads": _read_of(one.by, seed)} for seed in row["seeds"]]
                stages.append({**judged(plan, task), **one.model_dump(), "runtime": runtime, "rows": rows})
        return {"study": plan.study.study, "blocks": stages}

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        return [f"{row['folder']}/{name}" for name in ("predictions.parquet", *row["reads"])]

    def without(self, spec: Mapping[str, Any], cells: Container[str]) -> dict[str, Any]:
        """A stage with one of these goes altogether: a choice among fewer is another choice."""
        blocks = [block for block in spec["blocks"] if not any(row["cell"] in cells for row in block["rows"])]
        return {**spec, "blocks": blocks}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.forms import write_table
        from edgemin.report.statistics.adjust import seeds_note

        table = frame(spec)
        note = f"{NOTE} {seeds_note(int(table['seeds'].max()))}"
        write_table(self, spec, folder, table, columns_of(table), note)


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each alternative, numbers unrounded; a cell that is there to be compared with alone has no `taken`."""
    import pandas as pd

    if not spec["blocks"]:
        raise EdgeminError("tables.choice: the study has none; add stages and their alternatives (config/README.md)")
    return pd.DataFrame([row for stage in spec["blocks"] for row in _rows(stage)])


def _rows(stage: Mapping[str, Any]) -> list[dict[str, Any]]:
    import numpy as np

    from edgemin.report.clocks import ratios_compare
    from edgemin.report.measured import logits_of
    from edgemin.report.statistics.judge import Judge
    from edgemin.report.statistics.values import values_of

    judge, cells = Judge.of(stage), {row["cell"]: row["seeds"] for row in stage["rows"]}
    values = {
        cell: values_of(judge, *logits_of([seed["folder"] for seed in seeds], "validation")) for cell, seeds in cells.items()
    }
    means = {cell: float(one.by_seed.mean()) for cell, one in values.items()}
    costs = {cell: _cost(stage["by"], seeds) for cell, seeds in cells.items()}
    compares = stage["by"] != "faster" or ratios_compare(*cells.values())
    best = winner(stage, means, costs) if compares else None
    names = {name: stage[name] for name in ("task", "metric", "asks", "by", "below", "within", "runtime")}
    rows = []
    for cell, one in values.items():
        against = (one - values[best]).estimate().interval() if best not in (None, cell) else None
        ends = (np.nan,) * 3 if against is None else (against.value, against.low, against.high)
        rows.append(
            {
                **names,
                "cell": cell,
                "seeds": len(cells[cell]),
                "validation": means[cell],
                **dict(zip(("difference", "difference_low", "difference_high"), ends, strict=True)),
                "cost": costs[cell],
                "alternative": cell in stage["among"],
                "wins": cell == best,
                "taken": cell == stage["chosen"],
            }
        )
    return rows


def winner(stage: Mapping[str, Any], means: Mapping[str, float], costs: Mapping[str, float]) -> str | None:
    """The alternative that the rule chooses; None if all lose too much. Of equals it is the better one on validation, or else the earlier.

    means: on validation. costs: what is to be low. Sums of examples are compared, so that 0.870 - 0.865 is no more than 0.005.
    """
    among = stage["among"]
    if stage["by"] == "quality":
        return str(max(among, key=lambda cell: round(means[cell], 9)))
    fitting = [cell for cell in among if round(means[stage["below"]] - means[cell] - stage["within"], 9) <= 0]
    return str(min(fitting, key=lambda cell: (costs[cell], -round(means[cell], 9)))) if fitting else None


def _cost(by: str, seeds: Sequence[Mapping[str, Any]]) -> float:
    """Mean over seeds of what is to be low: bytes, weights, or the share of the teacher's time. Not a number where quality alone counts."""
    from math import exp, nan

    from edgemin.report.measured import count_of, log_speed

    if by == "quality":
        return nan
    return exp(-log_speed(seeds)[0]) if by == "faster" else count_of(COUNTED[by], seeds)


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import common_scale

    scale = common_scale(table["metric"])
    again = columns.repeats(table, "task", "asks")
    return [
        *columns.task(table),
        columns.text("stage", table["asks"], again),
        columns.text("rule", [_rule(row, scale.value.factor) for _, row in table.iterrows()], again),
        columns.text("cell", [row["cell"] if row["alternative"] else f"({row['cell']})" for _, row in table.iterrows()]),
        columns.numbers(f"validation {scale.label}", table["validation"], scale.value),
        columns.intervals("difference", table, "difference", scale.change),
        *([_counted(table)] if table["cost"].notna().any() else []),
        columns.text("wins", ["yes" if wins else "" for wins in table["wins"]]),
        columns.text("taken", ["yes" if taken else "" for taken in table["taken"]]),
        columns.numbers("seeds", table["seeds"], columns.WHOLE),
    ]


def _rule(row: pd.Series, factor: float) -> str:
    if row["by"] == "quality":
        return "the highest"
    words = {"smaller": "fewest bytes", "fewer": "fewest weights", "faster": "least time"}[row["by"]]
    return f"{words} at most {row['within'] * factor:g}{' points' if factor == 100 else ''} below {row['below']}"


def _counted(table: pd.DataFrame) -> Column:
    """What is to be low, in the unit of each row's rule; of time how many times faster than the teacher."""
    from edgemin.report import columns

    units = {"faster": "× faster", "smaller": " MB", "fewer": " million weights", "quality": ""}
    values = (1 / table["cost"]).where(table["by"] == "faster", table["cost"] / 1e6)
    return replace(columns.of_any_size("counted", values), after=[units[by] for by in table["by"]], missing="")
