"""How much can go, by which score; and which heads the scores hold dear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from edgemin.errors import EdgeminError
from edgemin.files import read_json, whole_file
from edgemin.report.markup import quality_scale
from edgemin.report.plots import SETTINGS, save

# Okabe-Ito and a marker each; chance in grey
_LOOKS = {
    "magnitude": ("#0072B2", "o"),
    "gradient": ("#E69F00", "v"),
    "taylor": ("#009E73", "^"),
    "michel": ("#D55E00", "s"),
    "activation": ("#CC79A7", "D"),
    "oracle": ("#000000", "*"),
    "random": ("#999999", "x"),
}
_TITLES = {"heads": "attention heads", "ffn": "FFN neurons", "weights": "single weights"}


def table(sweeps: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row per sweep and ratio. sweeps: {task, seed, file}."""
    rows: list[dict[str, Any]] = []
    for sweep in sweeps:
        found = read_json(sweep["file"])
        common = {"task": sweep["task"], "seed": sweep["seed"]}
        common |= {name: found[name] for name in ("structure", "criterion", "metric", "scoring_seconds")}
        rows += [{**common, **point} for point in found["points"]]
    if not rows:
        raise EdgeminError("sensitivity: the study has no such key; add it, with the cell to cut (config/README.md)")
    return pd.DataFrame(rows)


def write_table(sweeps: Iterable[dict[str, Any]], file: str) -> None:
    with whole_file(file) as partial:
        table(sweeps).to_csv(partial, index=False)


def plot_sensitivity(table_file: str, files: Sequence[str]) -> None:
    """A panel per structure, a line per criterion: validation quality against the share that was cut, mean over seeds."""
    rows = pd.read_csv(table_file)
    panels = list(rows.groupby(["task", "structure"], sort=False))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(3.6 * len(panels) + 0.6, 3.6), squeeze=False, sharey=True, layout="constrained"
        )
        shown: dict[str, Any] = {}
        for axis, ((task, structure), panel) in zip(axes[0], panels, strict=True):
            factor, label, _ = quality_scale(panel["metric"].iloc[0])
            for criterion, group in panel.groupby("criterion", sort=False):
                line = group.groupby("ratio")["value"].mean() * factor
                color, marker = _LOOKS[str(criterion)]
                (shown[str(criterion)],) = axis.plot(
                    line.index * 100, line, color=color, marker=marker, ms=4, lw=1.2, zorder=1 if criterion == "random" else 2
                )
            axis.set_title(_TITLES[str(structure)] + (f", {task}" if rows["task"].nunique() > 1 else ""), loc="left")
            axis.set_xlabel("cut, %")
        axes[0][0].set_ylabel(f"validation {label}, no recovery")
        figure.legend(shown.values(), shown, loc="outside lower center", ncols=len(shown), frameon=False)
        save(figure, files)


def plot_importance(sweep_files: Sequence[str], files: Sequence[str]) -> None:
    """A panel per criterion, layers by heads: ranks of the scores, and their rank correlation with the oracle (or the first)."""
    found = {told["criterion"]: told["scores"] for told in map(read_json, sweep_files)}
    against = "oracle" if "oracle" in found else next(iter(found))
    with plt.rc_context({**SETTINGS, "axes.grid": False}):
        columns = min(4, len(found))
        lines = -(-len(found) // columns)
        deep = max(len(scores) for scores in found.values())
        figure, axes = plt.subplots(
            lines, columns, figsize=(2.9 * columns, lines * (0.9 + 0.24 * deep)), squeeze=False, layout="constrained"
        )
        for axis, (criterion, scores) in zip(axes.flat, found.items(), strict=False):
            image = _heat(axis, scores)
            rho = spearmanr(np.concatenate(scores), np.concatenate(found[against])).statistic
            axis.set_title(criterion if criterion == against else f"{criterion}: ρ = {rho:.2f}", loc="left")
        for axis in axes.flat[len(found) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("layer")
        figure.colorbar(
            image,
            ax=axes,
            label="rank of the score (1: most worth keeping)",
            location="bottom",
            fraction=0.08,
            aspect=40,
            shrink=0.5,
        )
        figure.suptitle(f"Attention heads, by criterion; ρ: rank correlation with {against}", fontsize=9, x=0.01, ha="left")
        save(figure, files)


def _heat(axis: Any, scores: Sequence[Sequence[float]]) -> Any:
    """Layers may have unlike numbers of heads; what is not there stays white."""
    flat = np.concatenate([np.asarray(layer) for layer in scores])
    ranks = np.argsort(np.argsort(flat, kind="stable"), kind="stable") / max(1, len(flat) - 1)
    grid = np.full((len(scores), max(map(len, scores))), np.nan)
    start = 0
    for number, layer in enumerate(scores):
        grid[number, : len(layer)] = ranks[start : start + len(layer)]
        start += len(layer)
    image = axis.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axis.set_yticks(range(len(scores)))
    axis.set_xticks(range(0, grid.shape[1], 2))
    axis.set_xlabel("head")
    return image
