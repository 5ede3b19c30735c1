"""Compare the results here with the record of the same seed on the same class of machine, and report what differs.

A quality agrees if the interval of the paired difference of the answers, on the test examples, includes 0. A speed-up agrees if it is
inside the record's prediction interval. Sizes agree if they are equal to a thousandth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.files import read_json
from edgemin.core.machine import machine_class
from edgemin.plan.plan import Plan
from edgemin.report.differences.document import BYTES
from edgemin.report.differences.sides import Side, open_side
from edgemin.report.measured import answers_of, logits_of
from edgemin.report.number import scale_of
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import values_of
from edgemin.study.read import read_study
from edgemin.study.rows import judged, result_rows

FOLDER = "docs/reference"


def all_of(record: Side, name: str, here: Path) -> bool:
    """Whether predictions of a folder are recorded, and all that is recorded of it is there."""
    recorded = [file for file in (*record.tables, *record.jsons) if file.rpartition("/")[0] == name]
    return f"{name}/predictions.parquet" in recorded and all((here / Path(file).name).is_file() for file in recorded)


def differences(plan: Plan, row: Mapping[str, Any], record: Side) -> Iterator[str]:
    """The differences of one cell, seed and runtime."""
    here, name = Path(row["folder"]), plan.paths.below(row["folder"])
    yield from _quality(plan, row, record.tables[f"{name}/predictions.parquet"])
    if size := record.json(f"{name}/size.json"):
        ours, theirs = read_json(here / "size.json")["bytes"], size["bytes"]
        if abs(ours - theirs) > BYTES * theirs:
            yield f"{ours:,} bytes, recorded {theirs:,}"
    if latency := record.json(f"{name}/latency.json"):
        yield from _speed(read_json(here / "latency.json"), latency)


def _quality(plan: Plan, row: Mapping[str, Any], then: pd.DataFrame) -> Iterator[str]:
    judge = Judge.of(judged(plan, row["task"]))
    labels, logits = logits_of([row["folder"]])
    labels_then, before = answers_of([then])
    if not np.array_equal(labels_then, labels, equal_nan=labels.dtype.kind == "f"):
        yield "another test set"
        return
    change = (values_of(judge, labels, logits) - values_of(judge, labels, before)).estimate().interval()
    if not change.low <= 0 <= change.high:
        text = scale_of(judge.metric).change.text(change.value, change.low, change.high)
        yield f"{judge.metric} {text.replace('−', '-')} from the record's"  # as every terminal has it


def _speed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """The ratio to the teacher; of the teacher itself its p50."""
    for name, unit in (("speedup_over_reference", "x the teacher's speed"), ("p50_ms", "ms")):
        if name in ours["single_stream"] and name in theirs["single_stream"]:
            now, then = ours["single_stream"][name], theirs["single_stream"][name]
            if then["low"] is not None and not then["low"] <= now["value"] <= then["high"]:
                yield f"{now['value']:.2f} {unit}, recorded {then['value']:.2f} [{then['low']:.2f}, {then['high']:.2f}]"
            return


def report(plan: Plan, folder: Path = Path(FOLDER)) -> str:
    """The report: one line, and one more for each row that does not agree."""
    machine, study = machine_class(), plan.study.study
    record = folder / study / machine
    seeds = [seed for seed in plan.study.seeds if (record / f"seed{seed}.json").is_file()]
    if not seeds:
        others = sorted(one.name for one in (folder / study).glob("*") if one.is_dir())
        among = f"; it has {', '.join(others)}" if others else ""
        return f"{folder}: no record of study {study} on this class of machine ({machine}) to compare with{among}"
    recorded = open_side(str(record))
    rows = [
        row
        for row in result_rows(plan)
        if row["seed"] in seeds and all_of(recorded, plan.paths.below(row["folder"]), Path(row["folder"]))
    ]
    if not rows:
        return f"{record}: nothing of it was measured here, so there is nothing to compare"
    differing = []
    for row in rows:
        if outside := list(differences(plan, row, recorded)):
            differing.append(f"  {row['task']} {row['cell']} in {row['runtime']}, seed {row['seed']}: {'; '.join(outside)}")
    verdict = f"{len(differing)} of {len(rows)} rows are not within" if differing else f"all {len(rows)} rows are within"
    return "\n".join([f"compared with {record}: {verdict}", *differing])


def run(study: str) -> int:
    """Print the report. A difference is not a failure: machines of one class differ, too."""
    print(report(Plan(read_study(study))))
    return 0
