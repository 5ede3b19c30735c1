"""The points of the page's plot: what was measured of every cell in every runtime, means over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.report.measured import latencies_of, logits_of, sizes_of
from edgemin.report.number import Format, scale_of
from edgemin.report.recipes import recipe
from edgemin.report.sheet import Column, Row, Sheet
from edgemin.study import registry
from edgemin.study.chains import ROOT, Chain
from edgemin.study.kind import Kind

FIGURES: dict[str, dict[str, Any]] = {
    "p50": {"words": "p50, ms", "axis": "x", "less": True},
    "p90": {"words": "p90, ms", "axis": "x", "less": True},
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
_FORMATS = {name: Format(2) for name in ("p50", "p90", "mb", "logical")} | {
    "speedup": Format(2, unit="×"),
    "agreement": Format(1),
    "smaller": Format(1, unit="×"),
    "sentences": Format(0),
}
"""Of figures that are no values of the metric."""


def _format(name: str, metric: str) -> Format:
    """Of a figure, in the unit that is shown."""
    scale = scale_of(metric)
    of_metric = {"quality": scale.value, "validation": scale.value, "change": scale.change}
    return replace(of_metric[name], factor=1) if name in of_metric else _FORMATS[name]


def points_of(spec: Mapping[str, Any], tables: Path) -> list[dict[str, Any]]:
    """One per task, cell and runtime: names, links, FIGURES with the ends of their intervals; what is missing or no number is None.

    tables: folder of results.csv and of the tables on the page, which know the intervals of qualities.
    """
    results = pd.read_csv(tables / "results.csv")
    folders: dict[tuple[str, str, str], dict[int, str]] = {}
    for row in spec["rows"]:
        folders.setdefault((row["task"], row["cell"], row["runtime"]), {})[row["seed"]] = row["folder"]
    intervals = _intervals(spec, tables)
    groups = dict(list(results.groupby(["task", "cell", "runtime"], sort=False)))
    roots = {
        (task, runtime): (task, cell, runtime)
        for task, cell, runtime in reversed(folders)
        if spec["cells"][cell]["chain"] == ROOT
    }
    found = []
    for key, seeds in folders.items():
        root = roots.get((key[0], key[2]))
        measured = _figures(groups.get(key, results[:0]), spec["metrics"][key[0]])
        if root is not None:
            teacher = _figures(groups.get(root, results[:0]), spec["metrics"][key[0]])
            measured |= _against(measured, teacher)
            measured["agreement"] = _agreement(registry.KINDS[spec["kinds"][key[0]]], seeds, folders[root])
        measured |= intervals.get(key, {})
        found.append(_point(key, spec, measured))
    return found


def _point(key: tuple[str, str, str], spec: Mapping[str, Any], measured: Mapping[str, float | None]) -> dict[str, Any]:
    task, cell, runtime = key
    chain = Chain.parse(spec["cells"][cell]["chain"])
    metric = spec["metrics"][task]
    scale = scale_of(metric)
    values: dict[str, float | None] = {}
    for name, value in measured.items():
        factor = scale.value.factor if name.split("_")[0] in ("quality", "change", "validation") else 1
        values[name] = value * factor if value is not None and math.isfinite(value) else None
    return {
        "id": "/".join(key),
        "task": task,
        "cell": cell,
        "runtime": runtime,
        "chain": str(chain),
        "recipe": recipe(str(chain)),
        "last": chain.last.stage if chain.last else ROOT,
        "stages": list(dict.fromkeys(link.stage for link in chain.links)),
        "variants": list(map(str, chain.links)),
        "metric": metric,
        "scale": {"label": scale.label},
        "values": values,
        "texts": {
            name: _format(name, metric).text(*(values.get(f"{name}{end}") for end in ("", "_low", "_high"))) for name in FIGURES
        },
    }


def _figures(rows: pd.DataFrame, metric: str) -> dict[str, float | None]:
    sizes, latencies = sizes_of(rows), latencies_of(rows)
    found = {"logical": sizes["logical"], "mb": None if sizes["bytes"] is None else sizes["bytes"] / 1e6}
    found["logical"] = None if found["logical"] is None else found["logical"] / 1e6
    for end in ("", "_low", "_high"):
        found |= {name + end: latencies[name + end] for name in ("p50", "p90")}
        found[f"speedup{end}"] = latencies[f"speedup_over_reference{end}"]
    found["sentences"] = latencies["sentences_per_second"]
    for split, name in (("test", "quality"), ("validation", "validation")):
        values = rows.loc[(rows["split"] == split) & (rows["metric"] == metric), "value"]
        found[name] = float(values.mean()) if len(values) else None
    return found


def _against(ours: Mapping[str, float | None], teacher: Mapping[str, float | None]) -> dict[str, float | None]:
    change, smaller = (ours["quality"], teacher["quality"]), (teacher["mb"], ours["mb"])
    return {
        "change": None if change[0] is None or change[1] is None else change[0] - change[1],
        "smaller": smaller[0] / smaller[1] if smaller[0] and smaller[1] else None,
    }


def _agreement(kind: Kind, ours: Mapping[int, str], teacher: Mapping[int, str]) -> float | None:
    """Per cent of the test examples that both decide alike, mean over seeds; None where that means nothing."""
    seeds = sorted(ours.keys() & teacher.keys())
    if not seeds:
        return None
    one, other = (logits_of([folders[seed] for seed in seeds])[1] for folders in (ours, teacher))
    alike = kind.scores().agreement(one, other)
    return None if alike is None else alike * 100


def _intervals(spec: Mapping[str, Any], tables: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """Task, cell, runtime -> ends of the interval of its quality, from the tables of the page."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for name, runtime in spec["tables"].items():
        table = pd.read_csv(tables / f"{name}.csv")
        if not {"task", "cell", "quality_low", "quality_high"} <= set(table) or ("runtime" not in table and runtime is None):
            continue
        for _, row in table.iterrows():
            ends = {end: float(row[end]) for end in ("quality_low", "quality_high")}
            found.setdefault((row["task"], row["cell"], row.get("runtime", runtime)), ends)
    return found


def shown(points: list[dict[str, Any]]) -> Sheet:
    """The points as a table."""
    label = {point["scale"]["label"] for point in points}
    quality = next(iter(label)) if len(label) == 1 else "quality"
    headings = {"quality": f"test {quality}", "change": "change to teacher", "p50": "p50 ms", "speedup": "faster than teacher"}
    headings |= {"mb": "MB", "smaller": "smaller than teacher", "logical": "parameters M", "p90": "p90 ms"}
    headings |= {"sentences": "sentences/s", "agreement": "agreement %", "validation": f"validation {quality}"}
    several = len({point["task"] for point in points}) > 1
    names = ["cell", "runtime", *(["task"] if several else [])]
    columns = [
        *(Column(name, [point[name] for point in points]) for name in names),
        *(_column(name, heading, points) for name, heading in headings.items()),
        Column("recipe", [point["recipe"] for point in points]),
    ]
    columns = [column for column in columns if any(value is not None for value in column.values)]
    note = (
        "Means over seeds. Change to teacher: difference of the means on test, in the same runtime, without an interval; the "
        "tables below pair their changes. Agreement: share of the test examples that cell and teacher decide alike."
    )
    rows = [Row(point["cell"], point["runtime"], point["task"]) for point in points]
    return Sheet("cells", "All measured cells", "", columns, rows, note)


def _column(name: str, heading: str, points: list[dict[str, Any]]) -> Column:
    """A figure of all points."""
    values, low, high = ([point["values"].get(f"{name}{end}") for point in points] for end in ("", "_low", "_high"))
    return Column(heading, values, [_format(name, point["metric"]) for point in points], low, high)
