"""Objectives side by side: test quality with its interval, one panel per control."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from edgemin.report.drawing import BAND, BLUE, GREY, INTERVAL, SETTINGS, WIDTH, headline, legend, save
from edgemin.report.frames import read_frame
from edgemin.report.number import scale_of


def draw(table_file: str, files: Iterable[str]) -> None:
    """table_file: tables/distillation.csv. The grey band is the control's interval; filled points differ from it beyond theirs."""
    table = read_frame(table_file)
    panels = list(table.groupby(["task", "control"], sort=False))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            len(panels),
            2,
            figsize=(WIDTH, 1.3 + sum(0.34 * len(rows) + 0.7 for _, rows in panels)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"height_ratios": [len(rows) + 1 for _, rows in panels]},
        )
        for (left, right), ((task, control), rows) in zip(axes, panels, strict=True):
            words = "as many updates as" if rows["updates"].nunique() == 1 else "against"
            _panel(left, right, rows.reset_index(drop=True), f"{task}: {words} {control}")
        headline(figure, _finding(panels))
        handles, labels = axes[0][1].get_legend_handles_labels()
        legend(figure, [*handles, Line2D([], [], color=BLUE, lw=1.3)], [*labels, INTERVAL])
        save(figure, files)


def _panel(left: Any, right: Any, rows: pd.DataFrame, title: str) -> None:
    scale = scale_of(rows["metric"].iloc[0])
    factor, label = scale.value.factor, scale.label
    y = np.arange(len(rows))
    value, low, high = (rows[f"quality{end}"].to_numpy() * factor for end in ("", "_low", "_high"))
    colors = [GREY, *[BLUE] * (len(rows) - 1)]
    left.hlines(y, low, high, color=colors, lw=1.3)
    left.scatter(value, y, color=colors, s=28, marker="o", zorder=3)
    left.axvspan(low[0], high[0], color=BAND, zorder=0)
    left.set_yticks(y, rows["cell"])
    left.set_xlabel(f"test {label}")
    left.set_title(title)
    change, low, high = (rows[f"quality_change{end}"].to_numpy()[1:] * factor for end in ("", "_low", "_high"))
    beyond = (low > 0) | (high < 0)
    right.hlines(y[1:], low, high, color=BLUE, lw=1.3)
    for chosen, face, name in ((beyond, BLUE, "differs beyond the interval"), (~beyond, "white", "not shown to differ")):
        right.scatter(change[chosen], y[1:][chosen], facecolor=face, edgecolor=BLUE, s=34, zorder=3, label=name)
    right.axvline(0, color=GREY, lw=1)
    right.set_yticks(y, [""] * len(y))
    right.set_xlabel(
        f"change against {rows['control'].iloc[0]}, points" if scale.points else f"change against {rows['control'].iloc[0]}"
    )
    for axis in (left, right):
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
        axis.margins(x=0.08)


def _finding(panels: list[tuple[tuple[str, str], pd.DataFrame]]) -> str:
    """How many objectives differ beyond the interval."""
    parts = []
    for (task, control), rows in panels:
        change = rows.iloc[1:]
        above, below = (change["quality_change_low"] > 0).sum(), (change["quality_change_high"] < 0).sum()
        where = f"{task}: " if len(panels) > 1 else ""
        parts.append(f"{where}{above} of {len(change)} objectives above {control}, {below} below")
    return f"Beyond the interval: {'; '.join(parts)}."
