"""Small multiples over the cells of the ladder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from edgemin.report.acceptance.marks import names_in, not_accepted
from edgemin.report.drawing import GREY, INTERVAL, NUMBERS, SETTINGS, WIDTH, headline, legend, save
from edgemin.report.frames import read_frame
from edgemin.report.ladders import ladders_of
from edgemin.report.number import directed, scale_of, three_digits
from edgemin.study import registry
from edgemin.study.floor import NUMPY
from edgemin.study.runtime import Runtime


def draw(table_file: str, files: Iterable[str]) -> None:
    """Small multiples over the cells of the ladder: quality, size, latency, and both parameter counts. Baselines are no steps of it."""
    table = read_frame(table_file)
    table = table[table["runtime"] != NUMPY.name]
    table = table.assign(label=names_in(table))
    with plt.rc_context(SETTINGS):
        tasks = list(table["task"].unique())
        ladder = {task: table[table["task"] == task] for task in tasks}
        heights = [max(len(group) for _, group in ladder[task].groupby("runtime")) for task in tasks]
        figure, axes = plt.subplots(
            len(tasks),
            4,
            figsize=(WIDTH, 1.9 + max(0.8, 0.4 * table["runtime"].nunique()) * sum(heights)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"height_ratios": heights},
        )
        for row, task in enumerate(tasks):
            _ladder(axes[row], ladder[task], task if len(tasks) > 1 else "")
        headline(figure, f"{_finding(table)}{not_accepted(table)}")
        handles, labels = axes[0][0].get_legend_handles_labels()
        legend(figure, [*handles, Line2D([], [], color=GREY, lw=1.3)], [*labels, f"{INTERVAL} (quality, latency)"])
        save(figure, files)


def _ladder(axes: Any, table: pd.DataFrame, title: str) -> None:
    runtimes = list(table["runtime"].unique())
    metric = scale_of(table["metric"].iloc[0]).label
    depth = max(len(group) for _, group in table.groupby("runtime"))
    for number, runtime in enumerate(runtimes):
        rows = table[table["runtime"] == runtime].reset_index(drop=True)
        offset = (number - (len(runtimes) - 1) / 2) * 0.68 / len(runtimes)  # runtimes of a cell are nearer than the next cell
        _runtime(axes, rows, np.arange(len(rows)) + offset, registry.RUNTIMES[str(runtime)])
    names = [
        " / ".join(dict.fromkeys(group["label"].iloc[i] for _, group in table.groupby("runtime", sort=False) if len(group) > i))
        for i in range(depth)
    ]
    begins = _begins(table)
    for axis, label in zip(axes, (f"test {metric}", "size, MB", "latency p50, ms (batch 1)", "parameters, million"), strict=True):
        axis.set_yticks(range(depth), names if axis is axes[0] else [""] * depth)
        axis.set_ylim(depth - 0.35, -0.65)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(label)
        axis.margins(x=0.12 if axis is axes[0] else 0.2)
        for number in begins:
            axis.axhline(number - 0.5, color=GREY, lw=0.8, ls=":")
    for axis in axes[1:]:
        axis.set_xlim(left=0)
    axes[0].set_title(title)
    if axes[3].get_legend_handles_labels()[0]:
        axes[3].legend(fontsize=NUMBERS, loc="lower right")


def _begins(table: pd.DataFrame) -> set[int]:
    """The rows at which another ladder begins: they are not compared with the row above."""
    if "against" not in table:  # one row
        return set()
    of_runtimes = [group.reset_index(drop=True) for _, group in table.groupby("runtime", sort=False)]
    return {
        number
        for rows in of_runtimes
        for number in range(1, len(rows))
        if rows["against"].iloc[number] != rows["chain"].iloc[number - 1]
    }


def _runtime(axes: Any, rows: pd.DataFrame, y: np.ndarray, runtime: Runtime) -> None:
    """The cells of one runtime, at these heights."""
    quality = scale_of(rows["metric"].iloc[0]).value
    _points(axes[0], rows, "quality", quality.factor, y, runtime, f"{{:.{quality.decimals}f}}".format)
    for axis, name, scale in ((axes[1], "bytes", 1e-6), (axes[2], "p50", 1), (axes[3], "logical", 1e-6)):
        _points(axis, rows, name, scale, y, runtime, three_digits)
    if rows["naive"].notna().any():
        look = {"mfc": "white", "mec": runtime.color, "ms": 7, "zorder": 1.5}
        axes[3].plot(rows["naive"] * 1e-6, y, runtime.marker, label=f"naive count ({runtime.label})", **look)


def _points(
    axis: Any, rows: pd.DataFrame, name: str, scale: float, y: np.ndarray, runtime: Runtime, text: Callable[[float], str]
) -> None:
    """One column of the table, with intervals where it has them, and its numbers beside."""
    values = ends = rows[name] * scale
    if f"{name}_low" in rows:
        ends = rows[f"{name}_high"].fillna(rows[name]) * scale
        errors = np.abs([values - rows[f"{name}_low"] * scale, ends - values])
        axis.errorbar(values, y, xerr=errors, fmt="none", ecolor=runtime.color, lw=1.3)
    else:
        axis.hlines(y, 0, values, color=runtime.color, lw=1, alpha=0.5)
    first = name == "quality"
    axis.plot(values, y, runtime.marker, color=runtime.color, ms=5.5, label=runtime.label if first else None)
    above, beside = {"xytext": (0, 5), "ha": "center", "va": "bottom"}, {"xytext": (7, 0), "ha": "left", "va": "center"}
    for value, end, position in zip(values, ends, y, strict=True):
        at, place = (value, above) if first else (end, beside)
        axis.annotate(text(value), (at, position), textcoords="offset points", fontsize=NUMBERS, **place)


def _finding(table: pd.DataFrame) -> str:
    """What the last row of each ladder has over its first."""
    several, lines = table["task"].nunique() > 1, []
    for (task, runtime), rows in table.groupby(["task", "runtime"], sort=False):
        where = f"{task}, " if several else ""
        for ladder in ladders_of([row for _, row in rows.iterrows()]):
            first, last = ladder[0], ladder[-1]
            quality = scale_of(last["metric"])
            times, word = directed(first["bytes"] / last["bytes"], "smaller", "larger")
            parts = [f"{times:.1f}× {word}"] if len(ladder) > 1 else []
            if parts and pd.notna(last.get("speedup_over_reference")):
                parts.append(f"{last['speedup_over_reference']:.2f}× as fast as the teacher")
            parts.append(f"test {quality.label} {quality.value.text(first['quality'])} → {quality.value.text(last['quality'])}")
            lines.append(f"{where}{registry.RUNTIMES[str(runtime)].label}: {first['cell']} → {last['cell']}: {', '.join(parts)}")
    return "\n".join(f"{text}." for text in lines)
