"""Models that answer one after another: what is lost against the last one alone, who answers, and how long that takes."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study.cascade import teacher_cell
from edgemin.study.cascade_rows import cascade_block, timed_cascades
from edgemin.study.table import Table, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.cascades.judged import Judged, Member
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Means over seeds, 95 % intervals. Test split, which nothing was chosen on. A text goes from member to member until one is sure enough; the last answers "
    "what is left. Temperatures and thresholds are chosen on validation, for each seed its own: the least expected time whose drop in accuracy there is within "
    "what is allowed. Changes are paired, within seed and by text; they have no p, since cascades are no hypotheses. Times are from text to answer. Measured: "
    "the cascade itself, in turn with the teacher. Composed: of every member that a text visits its time alone, with its weights in the processor's caches; "
    "members in turn push each other out of them, so a cascade is slower than this. Its own: of a member alone. Faster: mean times, against the teacher alone. "
    "Thresholds are chosen by composed times. MB: of all members."
)


class CascadesTable(Table):
    name = "cascades"
    title = "Cascades"
    caption = (
        "Cells and baselines that answer one after another, the first that is sure enough, beside the last of them alone. Look for a change that is near 0 and a "
        "high ratio of mean times; tails are those of the texts that visit all members."
    )

    def declared(self, study: Study) -> bool:
        return bool(study.cascades)

    def joins_page(self, study: Study) -> bool:
        return self.declared(study)

    def made_by_default(self, study: Study) -> bool:
        return self.declared(study)

    def cells(self, study: Study) -> list[str]:
        """Members, and the teacher."""
        names = [member for cascade in study.cascades.values() for member in cascade.members]
        return [name for name in dict.fromkeys([*names, teacher_cell(study) if names else None]) if name in study.cells]

    def spec(self, plan: Plan) -> dict[str, Any]:
        """A block for each task and cascade; its rows are those of its members, and of the teacher if it is none of them."""
        study = plan.study
        return {
            "study": study.study,
            "blocks": [cascade_block(plan, task, name) for task in study.tasks for name in study.cascades],
        }

    def extras(self, plan: Plan) -> list[dict[str, Any]]:
        """Of every cascade its own time, where it is measured; without it the time is composed of the members'."""
        return timed_cascades(plan)

    def without(self, spec: Mapping[str, Any], cells: Container[str]) -> dict[str, Any]:
        """Without a member it would be another cascade."""
        blocks = [block for block in spec["blocks"] if not any(row["cell"] in cells for row in block["rows"])]
        return {**spec, "blocks": blocks}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.clocks import times_note
        from edgemin.report.forms import write_table

        table = frame(spec)
        write_table(self, spec, folder, table, columns_of(table), f"{NOTE} {times_note(seeds_of(spec))}")


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """Of each cascade a row, above it its last member's where no row above is that; numbers unrounded."""
    import pandas as pd

    from edgemin.report.cascades.judged import judge

    rows, seen = [], set()
    for block in spec["blocks"]:
        cascade = judge(block)
        last, about = cascade.members[-1], {"task": block["task"], "metric": block["metric"]}
        if (place := (block["task"], last.name, last.runtime)) not in seen:
            seen.add(place)
            rows.append({**about, **_alone(block["metric"], last, cascade.teacher)})
        rows.append({**about, **_of_cascade(block, cascade, _entries(spec, block))})
    return pd.DataFrame(rows)


def _entries(spec: Mapping[str, Any], block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is measured of the block's cascade."""
    return [one for one in spec.get("extras", ()) if all(one[name] == block[name] for name in ("task", "cascade"))]


def _alone(metric: str, member: Member, teacher: Member) -> dict[str, Any]:
    change = None if member.name == teacher.name else member.values - teacher.values
    about = {"name": member.name, "cell": member.name, "runtime": member.runtime, "bytes": member.bytes}
    return {**about, **_quality(metric, member.values, None, change), **_times(member.time(), teacher), "times": "its own"}


def _of_cascade(block: Mapping[str, Any], cascade: Judged, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last, teacher = cascade.members[-1], cascade.teacher
    shares = cascade.shares.mean(0)
    return {
        "name": block["cascade"],
        **_quality(block["metric"], cascade.values, cascade.values - last.values, cascade.values - teacher.values),
        "members": " ".join(member.name for member in cascade.members),
        **{name: block[name] for name in ("max_drop", "bound")},
        "validation_drop": sum(one.drop for one in cascade.chosen) / len(cascade.chosen),
        "answered": " ".join(f"{share:.6g}" for share in shares),
        "temperatures_by_seed": "; ".join(" ".join(f"{one:.6g}" for one in seed) for seed in cascade.temperatures),
        "thresholds_by_seed": "; ".join(
            " ".join("-" if one is None else repr(one) for one in seed.thresholds) for seed in cascade.chosen
        ),
        "bytes": sum(member.bytes for member in cascade.members),
        **_composed_or_measured(_times(cascade.time(), teacher), entries),
    }


def _composed_or_measured(composed: Mapping[str, float], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The measured times, and the composed ones beside them; or these alone."""
    from edgemin.report.cascades.measured import measured_times

    measured = measured_times(entries)
    beside = {f"{name}_composed": value for name, value in composed.items()}
    return {**(measured or composed), **beside, "times": "measured" if measured else "composed"}


def _quality(metric: str, values: Any, to_last: Any, to_teacher: Any) -> dict[str, Any]:
    """Values on test, and paired differences; None: against itself."""
    from edgemin.report.blocks import interval_columns, possible

    quality = possible(values.estimate().interval(), metric)
    columns = {"seeds": len(values.by_seed), **interval_columns("quality", quality)}
    for name, change in (("change_to_last", to_last), ("change_to_teacher", to_teacher)):
        if change is not None:
            columns |= interval_columns(name, change.estimate().interval())
    return columns


def _times(time: Mapping[str, float], teacher: Member) -> dict[str, float]:
    return {**{f"{name}_ms": value for name, value in time.items()}, "faster": teacher.time()["mean"] / time["mean"]}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    scale = common_scale(table["metric"])
    differ = not table["change_to_teacher"].equals(table["change_to_last"])
    to_teacher = [columns.intervals("change to teacher", table, "change_to_teacher", scale.change)] if differ else []
    answered = [_answered(*one) for one in table[["members", "answered"]].to_numpy()]
    both = [columns.numbers("faster, composed", table["faster_composed"], columns.TIMES)] if "seeds_measured" in table else []
    return [
        *columns.task(table),
        replace(columns.text("cascade, or member alone", table["name"]), names=list(table["cell"].notna())),
        columns.intervals(f"test {scale.label}", table, "quality", scale.value),
        columns.intervals("change to last member", table, "change_to_last", scale.change),
        *to_teacher,
        replace(columns.text("answered by, %", answered), names=[True] * len(answered)),
        columns.text("allowed on validation", [_allowed(*one) for one in table[["max_drop", "bound"]].to_numpy()]),
        columns.numbers("change there, points", -table["validation_drop"], Format(2, 100, signed=True)),
        columns.numbers("mean ms", table["mean_ms"], columns.MILLISECONDS),
        columns.intervals("faster than teacher", table, "faster", columns.TIMES),
        columns.numbers("p90 ms", table["p90_ms"], columns.MILLISECONDS),
        columns.numbers("p99 ms", table["p99_ms"], columns.MILLISECONDS),
        columns.text("times", table["times"]),
        *both,
        columns.millions("MB", table["bytes"]),
    ]


def _answered(members: Any, shares: Any) -> str | None:
    """`tfidf 38.2, best 42.8, teacher 19.0`; None for a member alone."""
    if not isinstance(members, str):
        return None
    return ", ".join(f"{name} {100 * float(share):.1f}" for name, share in zip(members.split(), shares.split(), strict=True))


def _allowed(drop: Any, bound: Any) -> str | None:
    """`0.5 points, by the drop itself`; None for a member alone."""
    from edgemin.report.readings import READINGS

    return f"{100 * drop:g} points, by {READINGS[bound].words}" if isinstance(bound, str) else None
