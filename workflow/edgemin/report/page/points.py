"""The points of the page's plot: what was measured of every cell in every runtime, means over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.report.markup import MISSING, number, quality_scale
from edgemin.report.measured import latencies_of, logits_of, sizes_of
from edgemin.report.page.tables import Cell, Row, Table
from edgemin.report.recipes import recipe
from edgemin.study import registry
from edgemin.study.chains import ROOT, Chain
from edgemin.study.kind import Kind

FIGURES: dict[str, dict[str, Any]] = {
    "p50": {"words": "p50, ms", "axis": "x", "digits": 2, "less": True},
    "p90": {"words": "p90, ms", "axis": "x", "digits": 2, "less": True},
    "mb": {"words": "MB", "axis": "x", "digits": 2, "less": True},
    "logical": {"words": "parameters, million", "axis": "x", "digits": 2, "less": True},
    "speedup": {"words": "times faster than the teacher", "axis": "x", "digits": 2, "less": False},
    "quality": {"words": "test quality", "axis": "y", "digits": None, "less": False},
    "change": {"words": "change to the teacher", "axis": "y", "digits": None, "less": False},
    "validation": {"words": "validation quality", "axis": "y", "digits": None, "less": False},
    "agreement": {"words": "agreement with the teacher, %", "axis": "y", "digits": 1, "less": False},
    "smaller": {"words": "times smaller than the teacher", "axis": "", "digits": 1, "less": False},
    "sentences": {"words": "sentences/s in batches", "axis": "", "digits": 0, "less": False},
}
"""Key -> words, the axis that it may stand on, digits (None: as the metric has), and whether less is better."""


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
    factor, label, digits = quality_scale(spec["metrics"][task])
    values: dict[str, float | None] = {}
    for name, value in measured.items():
        scale = factor if name.split("_")[0] in ("quality", "change", "validation") else 1
        values[name] = value * scale if value is not None and math.isfinite(value) else None
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
        "scale": {"label": label, "digits": digits},
        "values": values,
        "texts": {name: _text(name, values, digits) for name in FIGURES},
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


def _text(name: str, values: Mapping[str, float | None], digits: int) -> str:
    """A figure as people read it, with its interval where there is one."""
    places = FIGURES[name]["digits"]
    signed = name == "change"
    places = digits + signed if places is None else places
    value, low, high = (values.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return MISSING
    unit = "×" if name in ("speedup", "smaller") else ""
    text = number(value, places, signed) + unit
    return text if low is None or high is None else f"{text} [{number(low, places, signed)}, {number(high, places, signed)}]"


def shown(points: list[dict[str, Any]]) -> Table:
    """The points as a table."""
    told = [name for name in FIGURES if any(point["values"].get(name) is not None for point in points)]
    label = {point["scale"]["label"] for point in points}
    quality = next(iter(label)) if len(label) == 1 else "quality"
    words = {name: FIGURES[name]["words"] for name in told}
    words |= {"quality": f"test {quality}", "change": "change to teacher", "validation": f"validation {quality}"}
    words |= {"logical": "parameters M", "speedup": "faster than teacher", "smaller": "smaller than teacher"}
    words |= {"agreement": "agreement %", "p50": "p50 ms", "p90": "p90 ms", "sentences": "sentences/s"}
    order = ("quality", "change", "p50", "speedup", "mb", "smaller", "logical", "p90", "sentences", "agreement", "validation")
    told = [name for name in order if name in told]
    several = len({point["task"] for point in points}) > 1
    names = ["cell", "runtime", *(["task"] if several else [])]
    rows = [
        Row(
            [
                *(Cell(point[name], False, None) for name in names),
                *(Cell(point["texts"][name], False, point["values"].get(name)) for name in told),
                Cell(point["recipe"], False, None),
            ],
            point["cell"],
            point["runtime"],
            point["task"],
            False,
        )
        for point in points
    ]
    columns = [*names, *(words[name] for name in told), "recipe"]
    numeric = [False] * len(names) + [True] * len(told) + [False]
    note = (
        "Means over seeds. Change to teacher: difference of the means on test, in the same runtime, without an interval; the "
        "tables below pair their changes. Agreement: share of the test examples that cell and teacher decide alike."
    )
    return Table("cells", "All measured cells", columns, numeric, rows, note)
