"""Plots: colour-blind-safe (Okabe-Ito), shapes beside colours, labels that do not overlap. PNG and SVG, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from edgemin.files import whole_file
from edgemin.report.markup import quality_scale

STYLE = {"onnxruntime": ("#0072B2", "o"), "torch": ("#D55E00", "s")}
NAMES = {"onnxruntime": "ONNX Runtime", "torch": "PyTorch"}
SETTINGS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "edgemin",
    "svg.fonttype": "none",
    "figure.dpi": 100,
}


def save(figure: Any, files: Iterable[str]) -> None:
    for file in files:
        form = str(file).rsplit(".", 1)[1]
        with whole_file(file) as partial:
            metadata = {"Date": None} if form == "svg" else {"Software": None}
            figure.savefig(partial, format=form, dpi=160, metadata=metadata)
    plt.close(figure)


def plot_stagewise(table_file: str, files: Sequence[str]) -> None:
    """Small multiples over the cells of the ladder: quality, size, latency, and both parameter counts."""
    table = pd.read_csv(table_file)
    with plt.rc_context(SETTINGS):
        tasks = list(table["task"].unique())
        ladder = {task: table[table["task"] == task] for task in tasks}
        heights = [max(len(group) for _, group in ladder[task].groupby("runtime")) for task in tasks]
        figure, axes = plt.subplots(
            len(tasks),
            4,
            figsize=(12.5, 1.6 + 0.8 * sum(heights)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"height_ratios": heights},
        )
        for row, task in enumerate(tasks):
            _ladder(axes[row], ladder[task], task if len(tasks) > 1 else "")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        save(figure, files)


def _ladder(axes: Any, table: pd.DataFrame, title: str) -> None:
    runtimes = list(table["runtime"].unique())
    factor, metric, digits = quality_scale(table["metric"].iloc[0])
    depth = max(len(group) for _, group in table.groupby("runtime"))
    for number, runtime in enumerate(runtimes):
        rows = table[table["runtime"] == runtime].reset_index(drop=True)
        y = np.arange(len(rows)) + (number - (len(runtimes) - 1) / 2) * 0.34
        color, marker = STYLE[runtime]
        for axis, name, scale, text in (
            (axes[0], "quality", factor, f"{{:.{digits}f}}"),
            (axes[1], "bytes", 1e-6, "{:#.3g}"),
            (axes[2], "p50", 1, "{:#.3g}"),
            (axes[3], "logical", 1e-6, "{:#.3g}"),
        ):
            values = rows[name] * scale
            if f"{name}_low" in rows:
                errors = np.abs([values - rows[f"{name}_low"] * scale, rows[f"{name}_high"] * scale - values])
                axis.errorbar(values, y, xerr=errors, fmt="none", ecolor=color, capsize=2, lw=1)
            else:
                axis.hlines(y, 0, values, color=color, lw=1, alpha=0.5)
            axis.plot(values, y, marker, color=color, ms=5, label=NAMES[runtime] if axis is axes[0] else None)
            place = (
                {"xytext": (0, 5), "ha": "center", "va": "bottom"}
                if axis is axes[0]
                else {"xytext": (7, 0), "ha": "left", "va": "center"}
            )
            for value, position in zip(values, y, strict=True):
                axis.annotate(
                    text.format(value).rstrip("."), (value, position), textcoords="offset points", fontsize=7.5, **place
                )
        if rows["naive"].notna().any():
            axes[3].plot(rows["naive"] * 1e-6, y, marker, mfc="white", mec=color, ms=7, label="naive count (PyTorch)", zorder=1.5)
    names = [
        " / ".join(dict.fromkeys(group["cell"].iloc[i] for _, group in table.groupby("runtime", sort=False) if len(group) > i))
        for i in range(depth)
    ]
    for axis, label in zip(axes, (f"test {metric}", "size, MB", "latency p50, ms (batch 1)", "parameters, million"), strict=True):
        axis.set_yticks(range(depth), names if axis is axes[0] else [""] * depth)
        axis.set_ylim(depth - 0.35, -0.65)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(label)
        axis.margins(x=0.12 if axis is axes[0] else 0.2)
    for axis in axes[1:]:
        axis.set_xlim(left=0)
    axes[0].set_title(title, loc="left")
    if axes[3].get_legend_handles_labels()[0]:
        axes[3].legend(fontsize=7.5, frameon=False, loc="lower right")


def plot_pareto(results_file: str, axis_name: str, files: Sequence[str]) -> None:
    """Test quality against latency or size, one point per cell and runtime; the line joins what nothing else beats."""
    results = pd.read_csv(results_file)
    metric, scenario, label = {
        "latency": ("p50", "single_stream", "latency p50, ms (batch 1, log scale)"),
        "size": ("bytes", None, "size, MB (all files needed, log scale)"),
    }[axis_name]
    cost = results[
        (results["metric"] == metric) & ((results["scenario"] == scenario) if scenario else results["scenario"].isna())
    ]
    quality = results[(results["split"] == "test") & (results["metric"] != "examples")]
    keys = ["task", "cell", "runtime"]
    scale = quality["metric"].map(lambda name: quality_scale(name)[0])
    points = pd.DataFrame(
        {
            "x": cost.groupby(keys, sort=False)["value"].mean() * (1e-6 if axis_name == "size" else 1),
            "y": (quality["value"] * scale).groupby([quality[key] for key in keys], sort=False).mean(),
        }
    ).reset_index()
    tasks = list(points["task"].unique())
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(1, len(tasks), figsize=(7.2 * len(tasks), 5), squeeze=False, layout="constrained")
        for axis, task in zip(axes[0], tasks, strict=True):
            _pareto(axis, points[points["task"] == task].reset_index(drop=True), task if len(tasks) > 1 else "")
            axis.set_xlabel(label)
            axis.set_ylabel(f"test {quality_scale(quality[quality['task'] == task]['metric'].iloc[0])[1]}")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.draw_without_rendering()
        for axis, task in zip(axes[0], tasks, strict=True):
            _label(figure, axis, points[points["task"] == task])
        save(figure, files)


def frontier(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Indices of the points that none beats (less x, more y), by rising x."""
    order = np.lexsort((-y, x))
    best, kept = -np.inf, []
    for index in order:
        if y[index] > best:
            best = y[index]
            kept.append(index)
    return np.asarray(kept)


def _pareto(axis: Any, points: pd.DataFrame, title: str) -> None:
    x, y = points["x"].to_numpy(), points["y"].to_numpy()
    edge = frontier(x, y)
    axis.plot(x[edge], y[edge], color="#999999", lw=1, zorder=1, label="not beaten by any other")
    for runtime, rows in points.groupby("runtime", sort=False):
        color, marker = STYLE[str(runtime)]
        # A float model is as large in both runtimes: the smaller marks lie on the larger ones.
        above = runtime == "onnxruntime"
        look = {"ms": 5, "zorder": 3} if above else {"ms": 8, "zorder": 2}
        axis.plot(rows["x"], rows["y"], marker, color=color, ls="none", label=NAMES[str(runtime)], **look)
    axis.set_xscale("log")
    low, high = x.min(), x.max()
    ticks = [t * 10.0**e for e in range(-3, 6) for t in (1, 2, 5) if low * 0.7 <= t * 10.0**e <= high * 1.4]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.margins(x=0.15, y=0.15)
    axis.set_title(title, loc="left")


CROWD = 30
"""Points of which every one gets a name."""
_PLACES = [
    (radius * np.cos(angle), radius * np.sin(angle)) for radius in (11, 18, 27, 38) for angle in np.arange(0.25, 2, 0.25) * np.pi
]


def _label(figure: Any, axis: Any, points: pd.DataFrame) -> None:
    """Name each point, at the first place around it where the name covers no point, no other name and not the line; those on the
    line first. In a crowd, points without such a place stay without a name: the page tells them.

    A cell whose points coincide (the same size in two runtimes) is named once.
    """
    first = frontier(points["x"].to_numpy(), points["y"].to_numpy())
    points = points.iloc[[*first, *sorted(set(range(len(points))) - set(first))]]
    renderer = figure.canvas.get_renderer()
    at = axis.transData.transform(points[["x", "y"]].to_numpy())
    boxes = [matplotlib.transforms.Bbox.from_bounds(px - 5, py - 5, 10, 10) for px, py in at]
    taken = boxes + _along(at[: len(first)])
    frame = axis.get_window_extent(renderer)
    named: list[tuple[str, Any]] = []
    for number, (cell, x, y, own) in enumerate(zip(points["cell"], points["x"], points["y"], boxes, strict=True)):
        if any(cell == other and own.overlaps(box) for other, box in named):
            continue
        named.append((cell, own))
        anyhow = [(11.0, 0.0)] if number < len(first) or len(points) <= CROWD else []
        for dx, dy in _PLACES + anyhow:
            side = {
                "ha": "left" if dx > 2 else "right" if dx < -2 else "center",
                "va": "bottom" if dy > 2 else "top" if dy < -2 else "center",
            }
            arrow = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkB": 3} if np.hypot(dx, dy) > 15 else None
            text = axis.annotate(cell, (x, y), (dx, dy), textcoords="offset points", fontsize=8, arrowprops=arrow, **side)
            box = text.get_window_extent(renderer).padded(1)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if (dx, dy) in anyhow or (inside and not any(box.overlaps(other) for other in taken if other is not own)):
                taken.append(box)
                break
            text.remove()


def _along(corners: np.ndarray) -> list[Any]:
    """Small boxes along a line, in pixels."""
    places = [start + (end - start) * share for start, end in pairwise(corners) for share in np.linspace(0.05, 0.95, 40)]
    return [matplotlib.transforms.Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in places]
