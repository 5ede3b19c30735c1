"""What INT8 does to each part of a model alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report.drawing import BLUE, GREY, SETTINGS, save
from edgemin.report.number import scale_of
from edgemin.study import registry
from edgemin.study.kind import Kind


def draw(scans: Sequence[Mapping[str, Any]], kinds: Mapping[str, str], files: Iterable[str]) -> None:
    """scans: {task, file} of each. kinds: of the tasks. Means over seeds, one row of panels per task."""
    if not scans:
        raise EdgeminError("layer_sensitivity: the study has none; name a float cell (config/README.md)")
    tasks = list(dict.fromkeys(scan["task"] for scan in scans))
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(
            len(tasks), 2, figsize=(9, 4.4 * len(tasks)), squeeze=False, layout="constrained", sharey="row"
        )
        for (left, right), task in zip(axes, tasks, strict=True):
            found = [read_json(Path(scan["file"])) for scan in scans if scan["task"] == task]
            _panels(left, right, task, registry.KINDS[kinds[task]], found)
        save(figure, files)


def _panels(left: Any, right: Any, task: str, kind: Kind, found: Sequence[Mapping[str, Any]]) -> None:
    scale = scale_of(found[0]["metric"])
    factor, label = scale.value.factor, scale.label
    parts = [point["part"] for point in found[0]["points"]]
    divergence = np.mean([[point["divergence"] for point in one["points"]] for one in found], axis=0)
    change = np.mean([[point["value"] - one["float"] for point in one["points"]] for one in found], axis=0) * factor
    y, colors = np.arange(len(parts)), [GREY if part == "all" else BLUE for part in parts]
    left.barh(y, divergence, color=colors, height=0.7)
    left.set_yticks(y, parts)
    left.set_xlabel(f"divergence from the float model: {kind.divergence}")
    left.set_title(f"{task}: dynamic INT8 of one part alone", loc="left")
    right.barh(y, change, color=colors, height=0.7)
    right.axvline(0, color=GREY, lw=1)
    right.set_xlabel(f"change of validation {label} ({found[0]['sentences']} sentences)")
    left.invert_yaxis()  # and with it the right one
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
