"""What INT8 does to each part of a model alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.report.drawing import BLUE, GREY, SETTINGS, WIDTH, headline, save, symlog
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
            len(tasks), 2, figsize=(WIDTH, 5 * len(tasks)), squeeze=False, layout="constrained", sharey="row"
        )
        texts = []
        for (left, right), task in zip(axes, tasks, strict=True):
            results = [read_json(Path(scan["file"])) for scan in scans if scan["task"] == task]
            most = _panels(left, right, task, registry.KINDS[kinds[task]], results)
            texts.append(f"{task}: {most}" if len(tasks) > 1 else most)
        headline(figure, f"Moves the predictions most, alone in INT8: {'; '.join(texts)}.")
        save(figure, files)


def _panels(left: Any, right: Any, task: str, kind: Kind, scans: Sequence[Mapping[str, Any]]) -> str:
    """Draw a task; returns the part that moves its predictions most."""
    scale = scale_of(scans[0]["metric"])
    factor = scale.value.factor
    parts = [point["part"] for point in scans[0]["points"]]
    divergence = np.mean([[point["divergence"] for point in one["points"]] for one in scans], axis=0)
    change = np.mean([[point["value"] - one["float"] for point in one["points"]] for one in scans], axis=0) * factor
    y, colors = np.arange(len(parts)), [GREY if part == "all" else BLUE for part in parts]
    _dots(left, y, divergence, colors, f"divergence from the float model: {kind.divergence}")
    what = f"{scans[0]['metric']},{scale.points}" if scale.points else scale.label
    _dots(right, y, change, colors, f"change of validation {what} ({scans[0]['sentences']} sentences)")
    left.set_yticks(y, parts)
    left.set_title(f"{task}: dynamic INT8 of one part alone")
    left.invert_yaxis()  # and with it the right one
    alone = {part: value for part, value in zip(parts, divergence, strict=True) if part != "all"}
    most = max(alone, key=lambda part: alone[part])
    whole = f", the whole model {divergence[parts.index('all')]:.2g}" if "all" in parts else ""
    return f"{most} ({alone[most]:.2g}{whole})"


def _dots(axis: Any, y: np.ndarray, values: np.ndarray, colors: Sequence[str], label: str) -> None:
    """A mark for every value, 0 and negative ones too, with a line from 0."""
    note = symlog(axis, values)
    axis.hlines(y, 0, values, color=colors, lw=1.3)
    axis.scatter(values, y, color=colors, s=28, zorder=3, clip_on=False)
    axis.axvline(0, color=GREY, lw=1)
    axis.set_xlabel(f"{label}\n({note})" if note else label)
    axis.grid(axis="y", visible=False)
