"""A row of panels per task, a panel per structure, a line per criterion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from edgemin.report.drawing import SETTINGS, WIDTH, headline, legend, save
from edgemin.report.frames import read_frame
from edgemin.report.number import scale_of
from edgemin.study import registry

_TITLES = {"heads": "attention heads", "ffn": "FFN neurons", "weights": "single weights"}


def draw(table_file: str, files: Iterable[str]) -> None:
    """A panel per task and structure, a line per criterion: validation quality against the share that was cut, mean over seeds."""
    rows = read_frame(table_file)
    panels = list(rows.groupby(["task", "structure"], sort=False))
    tasks, structures = list(rows["task"].unique()), list(rows["structure"].unique())
    with plt.rc_context(SETTINGS):
        # Tasks may have metrics of different scales: panels share an axis within a task.
        size: dict[str, Any] = {"figsize": (WIDTH, 4.4 * len(tasks)), "squeeze": False, "sharey": "row", "layout": "constrained"}
        figure, axes = plt.subplots(len(tasks), len(structures), **size)
        handles: dict[str, Any] = {}
        for (task, structure), panel in panels:
            axis = axes[tasks.index(task)][structures.index(structure)]
            scale = scale_of(panel["metric"].iloc[0])
            factor, label = scale.value.factor, scale.label
            for criterion, group in panel.groupby("criterion", sort=False):
                line = group.groupby("ratio")["value"].mean() * factor
                look = registry.CRITERIA[str(criterion)]
                behind = 1 if criterion == "random" else 2
                (handles[str(criterion)],) = axis.plot(
                    line.index * 100, line, color=look.color, marker=look.marker, zorder=behind
                )
            axis.set_title(_TITLES[str(structure)] + (f", {task}" if len(tasks) > 1 else ""))
            axis.set_xlabel("cut, %")
            axes[tasks.index(task)][0].set_ylabel(f"validation {label}, no recovery")
        headline(figure, _finding(panels))
        legend(figure, handles.values(), handles)
        save(figure, files)


def _finding(panels: list[tuple[tuple[str, str], pd.DataFrame]]) -> str:
    """The criterion of each panel with the highest mean over the shares that all of its criteria were measured at."""
    several, parts = len({task for (task, _), _ in panels}) > 1, []
    for (task, structure), panel in panels:
        means = panel.pivot_table(index="ratio", columns="criterion", values="value").dropna().mean()
        if len(means) > 1 and means.notna().any():
            scale = scale_of(panel["metric"].iloc[0])
            where = f"{task}, " if several else ""
            parts.append(f"{where}{_TITLES[str(structure)]}: {means.idxmax()} ({scale.value.text(means.max())})")
    return (
        f"Keeps most on average over the shares: {'; '.join(parts)}." if parts else "One criterion: nothing to compare it with."
    )
