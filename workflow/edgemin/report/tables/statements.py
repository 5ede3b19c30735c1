"""What others say of such methods, and whether it holds here."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.rows import judged, row_in
from edgemin.study.statements import Statement
from edgemin.study.table import COUNTED, Table, common_runtime, not_together, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.measure.blocks import Interval
    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

Seeds = Sequence[Mapping[str, Any]]
"""What was measured of a cell, of each seed."""
NOTE = (
    "Each line is a comparison that the statement has to pass; where it names several cells to compare with, the one that speaks least for it. Quality: "
    "paired difference on the test split. Smaller: ratio of the bytes of all files that are needed to predict. Fewer: of the weights that take "
    "part in inference. Faster: ratio of the two speeds, "
    "each against the teacher's in the same jobs. Holds: the whole 95 % interval is on the side that the statement is on; does not hold: it is "
    "on the other side; else not shown. A statement holds if all its lines do, and does not if one does not."
)
FEW = "these checkpoints"
"""Of what a verdict on quality speaks below four seeds."""


class Statements(Table):
    name = "statements"
    title = "Statements"
    caption = "Sentences of the related work that this study can test: what was measured, and whether each holds here."
    key = list[Statement]
    default = []
    meaning = "statements of the literature, and the comparisons that would show them. Made by the target `table_statements`"

    def cells(self, study: Study) -> list[str]:
        return [cell for one in self.settings(study) for comparison in one.shows for cell in (comparison.cell, *comparison.than)]

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        for number, one in enumerate(self.settings(study)):
            for which, comparison in enumerate(one.shows):
                yield from not_together(study, f"tables.statements.{number}.shows.{which}", [comparison.cell, *comparison.than])

    def spec(self, plan: Plan) -> dict[str, Any]:
        study, rows, statements = plan.study, {}, []
        for task in study.tasks:
            for one in self.settings(study):
                lines = []
                for comparison in one.shows:
                    runtime = common_runtime(study, [comparison.cell, *comparison.than])
                    assert runtime is not None
                    for cell in (comparison.cell, *comparison.than):
                        rows[f"{task} {cell} {runtime}"] = row_in(plan, task, cell, runtime)
                    bound, side = comparison.bound
                    names = {"cell": comparison.cell, "than": comparison.than, "by": comparison.by, "runtime": runtime}
                    lines.append({**names, "bound": bound, "side": side})
                statements.append({**judged(plan, task), "says": one.says, "source": one.source, "shows": lines})
        return {"study": study.study, "rows": list(rows.values()), "of": list(rows), "statements": statements}

    def without(self, spec: Mapping[str, Any], cells: Container[str]) -> dict[str, Any]:
        """A statement goes altogether if one of its comparisons names one of these: it holds if all do."""
        kept = [one for one in spec["statements"] if not any(cell in cells for _, cell in _compared(one))]
        named = {of for one in kept for of, _ in _compared(one)}
        rows = {of: row for of, row in zip(spec["of"], spec["rows"], strict=True) if of in named}
        return {**spec, "statements": kept, "of": list(rows), "rows": list(rows.values())}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table
        from edgemin.report.statistics.adjust import seeds_note

        table = frame(spec)
        note = f"{NOTE} {times_note(seeds_of(spec))} {seeds_note(max(len(row['seeds']) for row in spec['rows']))}"
        write_table(self, spec, folder, table, columns_of(table), note)


def _compared(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of the rows that a statement is judged by, and their cells."""
    for comparison in statement["shows"]:
        for cell in (comparison["cell"], *comparison["than"]):
            yield f"{statement['task']} {cell} {comparison['runtime']}", cell


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each comparison, numbers unrounded; `verdict` of the comparison, `overall` of its statement."""
    import pandas as pd

    if not spec["statements"]:
        raise EdgeminError("tables.statements: the study has none; add statements and comparisons (config/README.md)")
    rows = dict(zip(spec["of"], spec["rows"], strict=True))
    comparisons = []
    for one in spec["statements"]:
        lines = [_line(one, comparison, rows) for comparison in one["shows"]]
        overall = _overall([line["verdict"] for line in lines])
        comparisons += [
            {"says": one["says"], "source": one["source"], "task": one["task"], **line, "overall": overall} for line in lines
        ]
    return pd.DataFrame(comparisons)


def _line(statement: Mapping[str, Any], comparison: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison with the cell that speaks least for the statement. By times of two CPUs nothing is shown."""
    from edgemin.report.clocks import ratios_compare

    seeds = {
        cell: rows[f"{statement['task']} {cell} {comparison['runtime']}"]["seeds"]
        for cell in (comparison["cell"], *comparison["than"])
    }
    side, bound = comparison["side"], comparison["bound"]
    by, ours, against = comparison["by"], seeds[comparison["cell"]], []
    for cell in comparison["than"]:
        interval = _measured(by, statement, ours, seeds[cell])
        compares = by != "faster" or ratios_compare(ours, seeds[cell])
        against.append((cell, interval, verdict_on(interval, bound, side, by in COUNTED) if compares else "not shown"))
    than, interval, verdict = min(against, key=lambda one: (VERDICTS.index(one[2]), side * one[1].value))
    names = {
        **{name: comparison[name] for name in ("cell", "by", "runtime", "bound", "side")},
        "than": than,
        "metric": statement["metric"],
    }
    count = len(seeds[comparison["cell"]])
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {**names, "seeds": count, **ends, "verdict": verdict}


def _measured(by: str, statement: Mapping[str, Any], ours: Seeds, theirs: Seeds) -> Interval:
    if by == "quality":
        return _quality(statement, ours, theirs)
    return _exact(COUNTED[by], ours, theirs) if by in COUNTED else _faster(ours, theirs)


VERDICTS = ("does not hold", "not shown", "holds")
"""The worst first."""


def verdict_on(interval: Interval, bound: float, side: int, exact: bool = False) -> str:
    """With an end that is unknown nothing is shown. What is known exactly and only reaches the bound is not beyond it."""
    if exact:
        return "holds" if side * (interval.value - bound) > 0 else "does not hold"
    low, high = sorted((side * (interval.low - bound), side * (interval.high - bound)))
    if low >= 0 and side * (interval.value - bound) > 0:
        return "holds"
    return "does not hold" if high < 0 else "not shown"


def _overall(verdicts: Sequence[str]) -> str:
    return min(verdicts, key=VERDICTS.index)


def _quality(statement: Mapping[str, Any], ours: Seeds, theirs: Seeds) -> Interval:
    from edgemin.report.measured import logits_of
    from edgemin.report.statistics.judge import Judge
    from edgemin.report.statistics.values import values_of

    judge = Judge.of(statement)
    one, other = (values_of(judge, *logits_of([seed["folder"] for seed in seeds])) for seeds in (ours, theirs))
    return (one - other).estimate().interval()


def _exact(name: str, ours: Seeds, theirs: Seeds) -> Interval:
    """Counts are known exactly."""
    from edgemin.measure.blocks import Interval
    from edgemin.report.measured import count_of

    return Interval(*[count_of(name, theirs) / count_of(name, ours)] * 3)


def _faster(ours: Seeds, theirs: Seeds) -> Interval:
    """Of two ratios to the teacher, whose logs vary independently: half-widths add as squares. Seeds make them no narrower."""
    import numpy as np

    from edgemin.measure.blocks import Interval
    from edgemin.report.measured import log_speed

    (one, half), (other, wide) = log_speed(ours), log_speed(theirs)
    middle, reach = one - other, float(np.hypot(half, wide))
    return Interval(*(float(np.exp(end)) for end in (middle, middle - reach, middle + reach)))


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, scale_of
    from edgemin.report.statistics.twoway import FEWEST_SEEDS

    forms, before, after, verdicts = [], [], [], []
    for _, row in table.iterrows():
        quality = row["by"] == "quality"
        scale = scale_of(row["metric"])
        form = scale.change if quality else Format(2, unit="×")
        forms.append(form)
        before.append(f"{row['cell']} against {row['than']}, {scale.label if quality else row['by']}: ")
        signs = "><" if row["by"] in COUNTED else "≥≤"  # as `verdict_on` has it
        after.append(f" ({signs[row['side'] < 0]} {row['bound'] * form.factor:g}{form.unit})")
        few = quality and row["seeds"] < FEWEST_SEEDS and row["verdict"] != "not shown"
        verdicts.append(f"{row['verdict']} ({FEW})" if few else row["verdict"])
    measured = columns.intervals("measured", table.assign(**_ends(table)), "value", columns.TIMES)
    return [
        columns.text("statement", table["says"]),
        columns.text("source", table["source"]),
        *columns.task(table),
        replace(measured, format=forms, before=before, after=after),
        columns.numbers("seeds", table["seeds"], columns.WHOLE),
        columns.text("this comparison", verdicts),
        columns.text("statement holds", table["overall"], columns.repeats(table, "says", "task")),
    ]


def _ends(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Ends of the intervals; counts are known exactly, and have none."""
    return {f"value_{end}": table[end].where(~table["by"].isin(COUNTED)) for end in ("low", "high")}
