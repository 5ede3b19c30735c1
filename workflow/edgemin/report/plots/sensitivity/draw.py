"""A panel per structure, a line per criterion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from edgemin.report.drawing import SETTINGS, save
from edgemin.report.number import scale_of
from edgemin.study import registry

_TITLES = {"heads": "attention heads", "ffn": "FFN neurons", "weights": "single weights"}


def draw(table_file: str, files: Iterable[str]) -> None:
    """A panel per structure, a line per criterion: validation quality against the share that was cut, mean over seeds."""
    rows = pd.read_csv(table_file)
    panels = list(rows.groupby(["task", "structure"], sort=False))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(3.6 * len(panels) + 0.6, 3.6), squeeze=False, sharey=True, layout="constrained"
        )
        shown: dict[str, Any] = {}
        for axis, ((task, structure), panel) in zip(axes[0], panels, strict=True):
            scale = scale_of(panel["metric"].iloc[0])
            factor, label = scale.value.factor, scale.label
            for criterion, group in panel.groupby("criterion", sort=False):
                line = group.groupby("ratio")["value"].mean() * factor
                look = registry.CRITERIA[str(criterion)]
                behind = 1 if criterion == "random" else 2
                (shown[str(criterion)],) = axis.plot(
                    line.index * 100, line, color=look.color, marker=look.marker, ms=4, lw=1.2, zorder=behind
                )
            axis.set_title(_TITLES[str(structure)] + (f", {task}" if rows["task"].nunique() > 1 else ""), loc="left")
            axis.set_xlabel("cut, %")
        axes[0][0].set_ylabel(f"validation {label}, no recovery")
        figure.legend(shown.values(), shown, loc="outside lower center", ncols=len(shown), frameon=False)
        save(figure, files)
