"""The recommendation as people read it: figures on test, what each limit costs, the Pareto set; Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from edgemin.report import columns
from edgemin.report.acceptance.marks import MARK, Failed, marked, note_of
from edgemin.report.markup import pipe_table
from edgemin.report.number import Scale, common_scale
from edgemin.report.readings import READINGS
from edgemin.report.recommendation import LIMITS, NONE, choose, choose_by, choose_cell, reading_of
from edgemin.report.sheet import Column, Sheet
from edgemin.report.statistics.adjust import seeds_note
from edgemin.report.statistics.twoway import FEWEST_SEEDS
from edgemin.study.floor import is_baseline

_CALL = "snakemake --cores all"
_WORDS = {"latency": "the fastest (p90 from text)", "bytes": "the smallest", "quality": "the best on validation"}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    scale = common_scale(table["metric"])
    bounds = [
        f" (≤ {scale.size.text(bound)})" if bound > drop else "" for drop, bound in table[["drop", "drop_bound"]].to_numpy()
    ]
    return [
        *columns.task(table),
        columns.text("cell", table["cell"]),
        columns.text("recipe", table["recipe"]),
        columns.numbers(f"validation {scale.label}", table["validation"], scale.value),
        columns.intervals(f"test {scale.label}", table, "quality", scale.value),
        replace(columns.numbers("drop on validation", 0.0 + table["drop"], scale.size), after=bounds),
        columns.intervals("change on test", table, "quality_change", scale.change),
        columns.millions("MB", table["bytes"]),
        columns.numbers("p50 ms", table["p50"], columns.MILLISECONDS),
        columns.numbers("p90 from text ms", table["p90_from_text"], columns.MILLISECONDS),
        columns.intervals("faster than teacher", table, "speedup_over_reference", columns.TIMES),
    ]


def pareto_set(table: pd.DataFrame, study: str, failed: Failed = NONE) -> Sheet:
    """Of candidates those that no other beats."""
    pareto = table[table["pareto"]]
    rows, note = columns.rows_of(pareto), note_of("The Pareto set; chosen on validation.", failed)
    return Sheet("recommendation", "Recommendation", study, marked(columns_of(pareto), rows, failed), rows, note)


def _limit(key: str, limits: Mapping[str, Any], scale: Scale) -> str:
    value = limits[key]
    if key == "max_accuracy_drop":
        drop = f"{value * scale.size.factor:g}"
        points = scale.points.removesuffix("s") if drop == "1" else scale.points
        return f"at most {drop}{points} of {scale.label.removesuffix(' %')} below the teacher"
    return f"at most {value / 1e6:g} MB" if key == "max_bytes" else f"a p90 from text of at most {value:g} ms"


def text(
    block: Mapping[str, Any],
    table: pd.DataFrame,
    limits: Mapping[str, Any],
    questions: Mapping[str, str],
    call: str = _CALL,
    failed: Failed = NONE,
) -> str:
    """The page of one task, in Markdown. call: the command that runs the study, up to its targets. failed: cells that are not accepted."""
    scale = common_scale(table["metric"])
    keys = [key for key in LIMITS if limits[key] is not None]
    wanted = "; ".join(_limit(key, limits, scale) for key in keys) or "none"
    chosen = choose(table, limits)
    lines = [
        f"Limits ({limits['runtime']}): {wanted}. Whatever is chosen is chosen on validation; the test split is only reported.",
        "",
        *([_compared_with(limits, int(table["seeds"].max())), ""] if "max_accuracy_drop" in keys else []),
    ]
    lines += (
        _none_fits(table, limits, keys, scale)
        if chosen is None
        else _chosen(block, table, chosen, limits, questions, scale, call)
    )
    lines += _readings(table, limits, scale) if "max_accuracy_drop" in keys else []
    lines += ["", "## What relaxing a limit would give", ""]
    for key in keys:
        other = choose(table, limits, without=key)
        same = other is not None and chosen is not None and other["cell"] == chosen["cell"]
        gives = "still none" if other is None else "the same cell" if same else f"`{other['cell']}`, {_figures(other, scale)}"
        lines.append(f"- Without the limit of {_limit(key, limits, scale)}: {gives}.")
    lines += [] if keys else ["- There is no limit to relax."]
    lines += [
        "",
        "## The Pareto set",
        "",
        "No other accepted cell is as good on validation, as small and as fast, and better in one of them.",
        "",
    ]
    lines.append(pipe_table(pareto_set(table, "", failed)))
    if of_task := {key: reasons for key, reasons in failed.items() if key[0] == block["task"]}:
        lines += ["", note_of("", of_task) + f" It is never recommended, whatever its figures: {MARK} marks it."]
    return "\n".join(lines)


def _readings(table: pd.DataFrame, limits: Mapping[str, Any], scale: Scale) -> list[str]:
    """What each way to compare the drop would choose."""
    lines = ["", "## What each reading of the limit on drops would choose", ""]
    for name, reading in READINGS.items():
        other, own = choose_by(table, limits, name), " (this recommendation)" if name == reading_of(limits) else ""
        cell = "none" if other is None else f"`{other['cell']}`, {_figures(other, scale)}"
        lines.append(f"- By {reading.words}{own}: {cell}.")
    return lines


def _compared_with(limits: Mapping[str, Any], seeds: int) -> str:
    """What the limit on drops is compared with, in words."""
    reading = reading_of(limits)
    if reading == "point":
        return (
            "The limit on the drop is compared with the drop on validation itself (`bound: point`): a cell whose true drop is at "
            "the limit passes in half of all studies."
        )
    truth = "with other seeds and texts" if seeds >= FEWEST_SEEDS else "of these checkpoints on other texts"
    if reading == "interval":
        return (
            "The limit on the drop is compared with the upper end of the 95 % interval of the drop on validation (≤ in the table; `bound: "
            f"interval`). In 39 of 40 studies the drop {truth} is below it. A cell whose true drop is at the limit passes in one study of 40."
        )
    return (
        "The limit on the drop is compared with an upper 80 % bound of the drop on validation (≤ in the table), not with the drop itself. In "
        f"four of five studies the drop {truth} is below such a bound. A cell whose true drop is at the limit passes in one study of five."
    )


def _figures(row: pd.Series, scale: Scale) -> str:
    """A cell in a clause."""
    return (
        f"{scale.value.text(row['validation'])} on validation and {scale.value.text(row['quality'])} on test "
        f"({scale.label}), {_megabytes(row)} MB, p90 from text {columns.MILLISECONDS.text(row['p90_from_text'])} ms"
    )


def _megabytes(row: pd.Series) -> str:
    """The mean over seeds and, if another, the largest, which is what a limit is compared with."""
    mean, most = (f"{row[name] / 1e6:.2f}" for name in ("bytes", "bytes_most"))
    return mean if mean == most else f"{mean} (at most {most})"


def _chosen(
    block: Mapping[str, Any],
    table: pd.DataFrame,
    chosen: pd.Series,
    limits: Mapping[str, Any],
    questions: Mapping[str, str],
    scale: Scale,
    call: str,
) -> list[str]:
    count = int(table["qualifies"].sum())
    why = f"{count} of {len(table)} measured cells {'is' if count == 1 else 'are'} within all limits; of these it is {_why(chosen, limits)}"
    lines = [f"## Ship `{chosen['cell']}`", "", f"{why}: {_figures(chosen, scale)}.", ""]
    lines += [f"- Recipe: {chosen['recipe']}"]
    lines += _in_its_place(table, limits, scale) if is_baseline(chosen["chain"]) else []
    lines += [f"- Its question: {questions[chosen['cell']]}"] if questions.get(chosen["cell"]) else []
    if (bundle := block["bundles"].get(chosen["cell"])) is not None:
        lines.append(f"- Its bundle, which runs without this project: `{call} {bundle}`")
    if limits["max_accuracy_drop"] is not None and chosen["drop_bound"] > chosen["drop"]:
        drop, bound = (scale.size.text(0.0 + chosen[name]) for name in ("drop", "drop_bound"))
        lines.append(f"- Its drop on validation: {drop}, at most {bound} by that bound.")
    return lines + ([_loss(chosen, limits["max_accuracy_drop"], scale)] if _has_loss(chosen, limits) else [])


def _why(chosen: pd.Series, limits: Mapping[str, Any]) -> str:
    if limits["prefer"] == "latency" and pd.isna(chosen["p90_from_text"]):
        return f"{_WORDS['bytes']}: no time of theirs compares with the teacher's, which another CPU timed"
    return _WORDS[limits["prefer"]]


def _in_its_place(table: pd.DataFrame, limits: Mapping[str, Any], scale: Scale) -> list[str]:
    """Beside a baseline that is recommended: the cell of which a bundle is made."""
    cell = choose_cell(table, limits)
    words = "no cell is within all limits" if cell is None else f"of the cells it is `{cell['cell']}`, {_figures(cell, scale)}"
    return [f"- Within these limits no transformer is needed. No bundle is made of a baseline; {words}."]


def _has_loss(chosen: pd.Series, limits: Mapping[str, Any]) -> bool:
    return limits["max_accuracy_drop"] is not None and not pd.isna(chosen.get("quality_change"))


def _loss(chosen: pd.Series, limit: float, scale: Scale) -> str:
    """The loss on test beside the limit."""
    value, low, high = (0.0 - chosen[f"quality_change{end}"] for end in ("", "_high", "_low"))
    verdict = (
        "the whole interval is within the limit"
        if high <= limit
        else "the whole interval is beyond it: validation was too kind"
        if low > limit
        else "the interval reaches beyond it, so this test set does not show that the limit holds"
    )
    loss = scale.size.text(value, low, high)
    return f"- Its loss against the teacher on test: {loss}; {verdict}. {seeds_note(int(chosen['seeds']))}"


def _none_fits(table: pd.DataFrame, limits: Mapping[str, Any], keys: list[str], scale: Scale) -> list[str]:
    lines = ["## No cell is within all limits", ""]
    binding = [key for key in keys if choose(table, limits, without=key) is not None]
    lines.append(
        f"What binds: {' and '.join(_limit(key, limits, scale) for key in binding)}; without {'one of them' if len(binding) > 1 else 'it'} some cell would do."
        if binding
        else "No single limit is to blame: dropping any one of them leaves none either."
    )
    lines += ["", "The nearest, by the sum of their relative excesses:", ""]
    for _, row in table[table["accepted"]].sort_values("excess", kind="stable").head(3).iterrows():
        missed = " and ".join(_limit(key, limits, scale) for key in keys if not row[f"meets_{key}"])
        lines.append(f"- `{row['cell']}`: {_figures(row, scale)}; misses {missed}.")
    return lines
