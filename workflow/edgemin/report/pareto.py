"""Quality against a cost, one point per cell and runtime, a line per runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from edgemin.report.acceptance.marks import accepted_in, names_in, not_accepted
from edgemin.report.drawing import GREY, INTERVAL, SETTINGS, WIDTH, dash_of, headline, legend, save
from edgemin.report.frames import read_frame
from edgemin.report.labels import CROWD, frontier, label_points
from edgemin.report.number import scale_of
from edgemin.report.standing import Standing, standing_of
from edgemin.report.winners import LOOKS, handles, mark
from edgemin.study import registry
from edgemin.study.floor import NUMPY, look_of

_AXES = {
    "latency": ("p50", 1.0, "ms", "latency p50, ms (batch 1, log scale)"),
    "from_text": ("end_to_end", 1.0, "ms", "latency p50 from text to answer, ms (batch 1, log scale)"),
    "size": ("bytes", 1e-6, "MB", "size, MB (all files needed, log scale)"),
}
"""Name -> column of cells.csv, what it is multiplied by, its unit, and what the axis says."""
_ENDS = ("x_low", "x_high", "y_low", "y_high")


def draw(tables: Sequence[str], axis_name: str, files: Iterable[str], spec: Mapping[str, Any]) -> None:
    """Test quality against latency or size; a line per runtime joins what no other accepted cell in it beats; cells that are not accepted have hollow
    marks. With baselines latency is that from text, for all.

    tables: tables/cells.csv and, where the study has limits, tables/recommendation.csv. spec: of `report.plots.pareto`.
    """
    table, standing, hidden = read_frame(tables[0]), standing_of(spec, tables[1:]), spec.get("hidden", ())
    baselines = table["runtime"] == NUMPY.name
    axis_name = "from_text" if axis_name == "latency" and baselines.any() else axis_name
    unit, axis_label = _AXES[axis_name][2:]
    points = _points(table[~(baselines & table["cell"].map(lambda cell: cell in hidden))], axis_name, standing)
    tasks = list(points["task"].unique())
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(len(tasks), 1, figsize=(WIDTH, 6.2 * len(tasks)), squeeze=False, layout="constrained")
        panels = [
            (axis, points[points["task"] == task].reset_index(drop=True)) for axis, task in zip(axes[:, 0], tasks, strict=True)
        ]
        lines = [_panel(axis, rows) for axis, rows in panels]
        sentences = []
        for (axis, rows), task in zip(panels, tasks, strict=True):
            axis.set_xlabel(axis_label)
            axis.set_ylabel(f"test {scale_of(rows['metric'].iloc[0]).label}")
            axis.set_title(task if len(tasks) > 1 else "")
            if sentence := standing.sentence(rows, unit):
                sentences.append(f"{task}: {sentence}" if len(tasks) > 1 else sentence)
        headline(figure, "\n".join([*sentences, f"{_finding([rows for _, rows in panels], lines)}{not_accepted(points)}"]))
        _legend(figure, points, standing)
        figure.draw_without_rendering()
        for (axis, rows), edges in zip(panels, lines, strict=True):
            label_points(figure, axis, rows, list(edges.values()), _bars(rows))
        save(figure, files)


def _points(table: pd.DataFrame, axis_name: str, standing: Standing) -> pd.DataFrame:
    """task, cell (with a mark where it is not accepted), name (without), chain, runtime, metric, accepted, role; x, y and the ends of their intervals as
    drawn, NaN without one; ms, the size of the runtime's mark, and span, of the largest mark in that place."""
    column, factor, *_ = _AXES[axis_name]
    points = table[["task", "cell", "runtime", "metric"]].copy()
    points["name"], points["chain"] = table["cell"], table.get("chain", "")
    points["accepted"], points["cell"] = accepted_in(table), names_in(table)
    quality = table["metric"].map(lambda name: scale_of(name).value.factor)
    for end in ("", "_low", "_high"):
        points[f"x{end}"] = table.get(f"{column}{end}", np.nan) * factor
        points[f"y{end}"] = table.get(f"quality{end}", np.nan) * quality
    points = points.dropna(subset=["x", "y"]).reset_index(drop=True)
    # A float model is as large in all runtimes: smaller marks lie on larger ones.
    layers = [name for name in (*registry.RUNTIMES.names(), NUMPY.name) if name in set(points["runtime"])]
    points["ms"] = points["runtime"].map(lambda name: (5 + 3 * layers.index(name)) * (1 if len(points) <= CROWD else 0.7))
    points["role"] = ""
    for _, rows in points.groupby("task", sort=False):
        points.loc[rows.index, "role"] = standing.roles(rows)
    points["span"] = points["ms"].where(points["role"] == "", points["role"].map(lambda role: LOOKS[role].size if role else 0.0))
    return points


def _panel(axis: Any, points: pd.DataFrame) -> dict[str, np.ndarray]:
    """Draw the points of a task; returns the indices of those on the line of each runtime."""
    lines = {}
    for runtime, rows in points.groupby("runtime", sort=False):
        look, size = look_of(str(runtime)), rows["ms"].iloc[0]
        sound = rows[rows["accepted"]]
        edge = sound.index.to_numpy()[frontier(sound["x"].to_numpy(), sound["y"].to_numpy()).astype(int)]
        line = points.loc[edge]
        # As marks do, thinner lines lie on thicker ones: two that coincide are both seen.
        axis.plot(line["x"], line["y"], color=look.color, ls=dash_of(str(runtime)), lw=size / 6 + 0.3, zorder=2.5 - size / 20)
        _intervals(axis, rows, look.color, 0.5 if len(points) <= CROWD else 0.22)
        look_alike = {"color": look.color, "ls": "none", "ms": size, "zorder": 3 - size / 20}
        axis.plot(sound["x"], sound["y"], look.marker, label=look.label, **look_alike)
        failed = rows[~rows["accepted"]]
        axis.plot(failed["x"], failed["y"], look.marker, mfc="white", **look_alike)
        lines[str(runtime)] = edge
    mark(axis, points, {name: look_of(name).color for name in points["runtime"].unique()})
    axis.set_xscale("log")
    axis.set_xticks([])
    axis.margins(x=0.08, y=0.08)
    ticks = _ticks(*axis.get_xlim())
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    return lines


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade between these; where points are so alike that fewer than two are, even steps."""
    of_decades = [t * 10.0**e for e in range(-3, 6) for t in (1, 2, 5)]
    even = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    decade_ticks, even_ticks = ([tick for tick in ticks if low <= tick <= high] for ticks in (of_decades, even))
    return decade_ticks if len(decade_ticks) > 1 else even_ticks


def _intervals(axis: Any, rows: pd.DataFrame, color: str, alpha: float) -> None:
    """Thin bars behind the marks, where both ends are known."""
    x, y = ([rows[name] - rows[f"{name}_low"], rows[f"{name}_high"] - rows[name]] for name in ("x", "y"))
    errors = {f"{name}err": np.nan_to_num(np.clip(ends, 0, None)) for name, ends in (("x", x), ("y", y))}
    axis.errorbar(rows["x"], rows["y"], fmt="none", ecolor=color, elinewidth=0.8, alpha=alpha, zorder=1, **errors)


def _bars(rows: pd.DataFrame) -> list[np.ndarray]:
    """(2, 2) ends of every bar, in data."""
    bars = []
    for x, y, left, right, low, high in rows[["x", "y", *_ENDS]].to_numpy():
        bars += [np.array(ends) for ends in ([[left, y], [right, y]], [[x, low], [x, high]])]
    return [ends for ends in bars if np.isfinite(ends).all()]


def _legend(figure: Any, points: pd.DataFrame, standing: Standing) -> None:
    looks = [look_of(name) for name in points["runtime"].unique()]
    lines = [Line2D([], [], color=look.color, marker=look.marker, ls=dash_of(look.name), lw=1.1) for look in looks]
    labels = [look.label for look in looks]
    if points[list(_ENDS)].notna().any(axis=None):
        lines.append(Line2D([], [], color=GREY, lw=0.8))
        labels.append(INTERVAL)
    marks, meanings = handles(standing, set(points["role"]))
    legend(figure, [*marks, *lines], [*meanings, *labels])


def _finding(panels: list[pd.DataFrame], lines: list[dict[str, np.ndarray]]) -> str:
    """How many cells are on each line, in a sentence a task."""
    sentences = []
    for rows, edges in zip(panels, lines, strict=True):
        counts = [f"{len(edge)} of {(rows['runtime'] == name).sum()} in {look_of(name).label}" for name, edge in edges.items()]
        task = f"{rows['task'].iloc[0]}: " if len(panels) > 1 else ""
        sentences.append(f"{task}{'; '.join(counts)}")
    return f"Pareto-optimal cells: {'. '.join(sentences)}."
