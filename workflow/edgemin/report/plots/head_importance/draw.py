"""Which heads the scores hold dear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report.drawing import SETTINGS, WIDTH, headline, save


def draw(sweep_files: Sequence[str], files: Iterable[str]) -> None:
    """A panel per criterion, layers by heads: ranks of the scores, and their rank correlation with the oracle (or the first)."""
    if not sweep_files:
        raise EdgeminError("sensitivity.heads: the study has none; name criteria (config/README.md)")
    by_criterion = {sweep["criterion"]: sweep["scores"] for sweep in map(read_json, sweep_files)}
    against = "oracle" if "oracle" in by_criterion else next(iter(by_criterion))
    with plt.rc_context({**SETTINGS, "axes.grid": False}):
        lines = -(-len(by_criterion) // 4)
        columns = -(-len(by_criterion) // lines)
        deep = max(len(scores) for scores in by_criterion.values())
        figure, axes = plt.subplots(
            lines, columns, figsize=(WIDTH, 1.2 + lines * (0.9 + 0.24 * deep)), squeeze=False, layout="constrained"
        )
        rho = {
            criterion: float(spearmanr(np.concatenate(scores), np.concatenate(by_criterion[against])).statistic)
            for criterion, scores in by_criterion.items()
            if criterion != against
        }
        for axis, (criterion, scores) in zip(axes.flat, by_criterion.items(), strict=False):
            image = _heat(axis, scores)
            axis.set_title(f"{criterion}: ρ = {_two(rho[criterion])}" if criterion in rho else criterion)
        for axis in axes.flat[len(by_criterion) :]:
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
        headline(figure, _finding(rho, against))
        save(figure, files)


def _finding(rho: dict[str, float], against: str) -> str:
    """rho: of each criterion but `against`."""
    text = f"ρ: Spearman's rank correlation of the heads' scores with {against}."
    known = {criterion: value for criterion, value in rho.items() if np.isfinite(value)}
    if not known:
        return text
    nearest = max(known, key=lambda criterion: known[criterion])
    return f"{text} Nearest: {nearest} (ρ = {_two(known[nearest])})."


def _two(rho: float) -> str:
    return f"{rho:.2f}".replace("-", "−")


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
