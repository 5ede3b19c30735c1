"""Schemes side by side: what each costs in quality and buys in latency and bytes, against its float parent in the same runtime."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from edgemin.report.acceptance.marks import names_in, not_accepted
from edgemin.report.drawing import GREY, INTERVAL, SETTINGS, WIDTH, headline, legend, save
from edgemin.report.frames import read_frame
from edgemin.report.number import scale_of
from edgemin.study import registry
from edgemin.study.runtime import Runtime


def draw(table_file: str, files: Iterable[str]) -> None:
    """table_file: tables/quantization.csv. A row of panels per task, runtime and reference."""
    table = read_frame(table_file)
    table = table[table["scheme"].notna()]
    blocks = list(table.groupby(["task", "runtime", "reference"], sort=False))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            len(blocks),
            3,
            figsize=(WIDTH, 1.3 + sum(0.34 * len(rows) + 0.9 for _, rows in blocks)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"height_ratios": [len(rows) + 1.5 for _, rows in blocks]},
        )
        for panels, ((task, runtime, reference), rows) in zip(axes, blocks, strict=True):
            look: Runtime = registry.RUNTIMES[str(runtime)]
            scale = scale_of(rows["metric"].iloc[0])
            unit = scale.points.strip() or scale.label
            _panel(panels[0], rows, look, "quality_change", scale.value.factor, f"change of test quality, {unit}", 0)
            _panel(panels[1], rows, look, "speedup_over_parent", 1, "times faster, batch 1", 1)
            _panel(panels[2], rows, look, "smaller", 1, "times smaller", 1)
            panels[0].set_yticks(np.arange(len(rows)), names_in(rows))
            panels[0].set_title(f"{task}, {look.label}: against {reference}")
        headline(figure, f"{_finding(blocks)}{not_accepted(table)}")
        looks = [registry.RUNTIMES[name] for name in table["runtime"].unique()]
        marks = [Line2D([], [], color=look.color, marker=look.marker, lw=1.3) for look in looks]
        legend(figure, marks, [f"{look.label}, with {INTERVAL}" for look in looks])
        save(figure, files)


def _panel(axis: Any, rows: pd.DataFrame, look: Runtime, name: str, factor: float, label: str, neutral: float) -> None:
    y, value = np.arange(len(rows)), rows[name].to_numpy() * factor
    if f"{name}_low" in rows:
        axis.hlines(y, rows[f"{name}_low"] * factor, rows[f"{name}_high"] * factor, color=look.color, lw=1.3)
    axis.plot(value, y, look.marker, color=look.color, ms=5.5, zorder=3)
    axis.axvline(neutral, color=GREY, lw=1)
    if np.ptp(axis.dataLim.intervalx) < 1e-9:  # nothing differs: an axis of rounding errors otherwise
        axis.set_xlim(neutral - 0.01 * factor, neutral + 0.01 * factor)
    axis.set_yticks(y, [""] * len(y))
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(label)
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.1)


def _finding(blocks: list[tuple[tuple[str, str, str], pd.DataFrame]]) -> str:
    """How many schemes lose quality beyond the interval, and which is the fastest in each block, whether intervals overlap or not."""
    lost = sum(int((rows["quality_change_high"] < 0).sum()) for _, rows in blocks)
    text = f"Schemes with a loss of quality beyond the interval: {lost} of {sum(len(rows) for _, rows in blocks)}."
    fastest = []
    for (_, runtime, reference), rows in blocks:
        if (speed := rows["speedup_over_parent"]).notna().any():
            best = rows.loc[speed.idxmax()]
            fastest.append(
                f"{best['cell']} ({best['speedup_over_parent']:.2f}× {reference} in {registry.RUNTIMES[str(runtime)].label})"
            )
    return f"{text} Fastest, by estimate: {', '.join(fastest)}." if fastest else text
