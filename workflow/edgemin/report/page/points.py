"""The points of the page's plot: what was measured of every cell in every runtime, means over seeds."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemin.report.frames import read_frame
from edgemin.report.number import Format, scale_of
from edgemin.study.chains import ROOT, Chain
from edgemin.study.floor import is_baseline

BASELINE = "baseline"
"""In the place of a baseline's last stage."""
FIGURES: dict[str, dict[str, Any]] = {
    "p50": {"words": "p50, ms", "axis": "x", "less": True},
    "p90": {"words": "p90, ms", "axis": "x", "less": True},
    "from_text": {"words": "p50 from text to answer, ms", "axis": "x", "less": True},
    "mb": {"words": "MB", "axis": "x", "less": True},
    "logical": {"words": "parameters, million", "axis": "x", "less": True},
    "speedup": {"words": "times faster than the teacher", "axis": "x", "less": False},
    "quality": {"words": "test quality", "axis": "y", "less": False},
    "change": {"words": "change to the teacher", "axis": "y", "less": False},
    "validation": {"words": "validation quality", "axis": "y", "less": False},
    "agreement": {"words": "agreement with the teacher, %", "axis": "y", "less": False},
    "smaller": {"words": "times smaller than the teacher", "axis": "", "less": False},
    "sentences": {"words": "sentences/s in batches", "axis": "", "less": False},
}
"""Key -> words, the axis that it may stand on, and whether less is better."""
_COLUMNS = {
    "from_text": "end_to_end",
    "mb": "bytes",
    "speedup": "speedup_over_reference",
    "change": "quality_change",
    "sentences": "sentences_per_second",
}
"""Figures that cells.csv has under another name."""
_FROM_TOKENS = ("p50", "p90")
"""Times that a baseline has none of: its own are from text."""
_FORMATS = {name: Format(2) for name in ("p50", "p90", "from_text")} | {
    "mb": Format(2, 1e-6),
    "logical": Format(2, 1e-6),
    "speedup": Format(2, unit="×"),
    "agreement": Format(1, 100),
    "smaller": Format(1, unit="×"),
    "sentences": Format(0),
}
"""Of figures that are no values of the metric; their factors lead from what was measured to what is shown."""


def points_of(tables: Path, hidden: Container[str] = ()) -> list[dict[str, Any]]:
    """One per task, cell and runtime: names, links, FIGURES with the ends of their intervals; what is missing or no number is None.

    tables: folder of cells.csv. hidden: names of baselines that are left out.
    """
    cells = read_frame(tables / "cells.csv")
    return [_point(row) for row in cells.to_dict("records") if not (is_baseline(row["chain"]) and row["cell"] in hidden)]


def figures_of(points: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """FIGURES in the order in which the page offers them, the first of an axis by default: with baselines that is the time that they have, too."""
    first = ["from_text"] if any(point["last"] == BASELINE for point in points) else []
    return {name: FIGURES[name] for name in (*first, *FIGURES)}


def _point(row: Mapping[Any, Any]) -> dict[str, Any]:
    """row: of cells.csv."""
    baseline = is_baseline(row["chain"])
    links = () if baseline else Chain.parse(row["chain"]).links
    values: dict[str, float | None] = {}
    texts: dict[str, str] = {}
    for name in FIGURES:
        form, known = _format(name, row["metric"]), {} if baseline and name in _FROM_TOKENS else row
        for end in ("", "_low", "_high"):
            values[name + end] = _known(known.get(f"{_COLUMNS.get(name, name)}{end}"), form.factor)
        texts[name] = replace(form, factor=1).text(*(values[name + end] for end in ("", "_low", "_high")))
    return {
        "id": f"{row['task']}/{row['cell']}/{row['runtime']}",
        "task": row["task"],
        "cell": row["cell"],
        "runtime": row["runtime"],
        "chain": row["chain"],
        "recipe": row["recipe"],
        "accepted": bool(row.get("accepted", True)),
        "last": links[-1].stage if links else BASELINE if baseline else ROOT,
        "stages": list(dict.fromkeys(link.stage for link in links)),
        "variants": list(map(str, links)),
        "metric": row["metric"],
        "scale": {"label": scale_of(row["metric"]).label},
        "values": values,
        "texts": texts,
    }


def _format(name: str, metric: str) -> Format:
    """Of a figure as it was measured."""
    scale = scale_of(metric)
    return {"quality": scale.value, "validation": scale.value, "change": scale.change}.get(name) or _FORMATS[name]


def _known(value: float | None, factor: float) -> float | None:
    return None if value is None or not math.isfinite(value) else value * factor
