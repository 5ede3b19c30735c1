"""What INT8 does to each part of a model alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.report.markup import quality_scale
from edgemin.report.plots import SETTINGS, save

_PART, _ALL = "#0072B2", "#555555"


def plot(scans: Sequence[Mapping[str, Any]], files: Iterable[str]) -> None:
    """scans: the plan's `scans()`. Means over seeds, one row of panels per task."""
    if not scans:
        raise EdgeminError("layer_sensitivity: the study has none; name a float cell (config/README.md)")
    tasks = list(dict.fromkeys(scan["task"] for scan in scans))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            len(tasks), 2, figsize=(9, 4.4 * len(tasks)), squeeze=False, layout="constrained", sharey="row"
        )
        for (left, right), task in zip(axes, tasks, strict=True):
            _panels(left, right, task, [read_json(Path(scan["file"])) for scan in scans if scan["task"] == task])
        save(figure, files)


def _panels(left: Any, right: Any, task: str, found: Sequence[Mapping[str, Any]]) -> None:
    factor, label, _ = quality_scale(found[0]["metric"])
    parts = [point["part"] for point in found[0]["points"]]
    divergence = np.mean([[point["divergence"] for point in one["points"]] for one in found], axis=0)
    change = np.mean([[point["value"] - one["float"] for point in one["points"]] for one in found], axis=0) * factor
    y, colors = np.arange(len(parts)), [_ALL if part == "all" else _PART for part in parts]
    left.barh(y, divergence, color=colors, height=0.7)
    left.set_yticks(y, parts)
    left.set_xlabel("divergence from the float model: mean KL, nats" if factor == 100 else "divergence from the float model")
    left.set_title(f"{task}: dynamic INT8 of one part alone", loc="left")
    right.barh(y, change, color=colors, height=0.7)
    right.axvline(0, color=_ALL, lw=1)
    right.set_xlabel(f"change of validation {label} ({found[0]['sentences']} sentences)")
    left.invert_yaxis()  # and with it the right one
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
