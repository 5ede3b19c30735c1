"""Quality against a cost, one point per cell and runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from edgemin.report.drawing import SETTINGS, save
from edgemin.report.labels import frontier, label_points
from edgemin.report.number import scale_of
from edgemin.study import registry


def draw(results_file: str, axis_name: str, files: Iterable[str]) -> None:
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
    scale = quality["metric"].map(lambda name: scale_of(name).value.factor)
    points = (quality["value"] * scale).groupby([quality[key] for key in keys], sort=False).mean().to_frame("y")
    points["x"] = cost.groupby(keys, sort=False)["value"].mean() * (1e-6 if axis_name == "size" else 1)
    points = points.dropna().reset_index()
    # A float model is as large in all runtimes: smaller marks lie on larger ones.
    layers = [name for name in registry.RUNTIMES.names() if name in set(points["runtime"])]
    points["ms"] = points["runtime"].map(lambda name: 5 + 3 * layers.index(name))
    tasks = list(points["task"].unique())
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(1, len(tasks), figsize=(7.2 * len(tasks), 5), squeeze=False, layout="constrained")
        for axis, task in zip(axes[0], tasks, strict=True):
            _pareto(axis, points[points["task"] == task].reset_index(drop=True), task if len(tasks) > 1 else "")
            axis.set_xlabel(label)
            axis.set_ylabel(f"test {scale_of(quality[quality['task'] == task]['metric'].iloc[0]).label}")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.draw_without_rendering()
        for axis, task in zip(axes[0], tasks, strict=True):
            label_points(figure, axis, points[points["task"] == task])
        save(figure, files)


def _pareto(axis: Any, points: pd.DataFrame, title: str) -> None:
    x, y = points["x"].to_numpy(), points["y"].to_numpy()
    edge = frontier(x, y)
    axis.plot(x[edge], y[edge], color="#999999", lw=1, zorder=1, label="not beaten by any other")
    for runtime, rows in points.groupby("runtime", sort=False):
        look = registry.RUNTIMES[str(runtime)]
        size = rows["ms"].iloc[0]
        axis.plot(rows["x"], rows["y"], look.marker, color=look.color, ls="none", label=look.label, ms=size, zorder=3 - size / 20)
    axis.set_xscale("log")
    low, high = x.min(), x.max()
    ticks = [t * 10.0**e for e in range(-3, 6) for t in (1, 2, 5) if low * 0.7 <= t * 10.0**e <= high * 1.4]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.margins(x=0.15, y=0.15)
    axis.set_title(title, loc="left")
