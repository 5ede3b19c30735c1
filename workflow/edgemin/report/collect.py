"""All measurements of all cells -> one long table."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.files import read_json, whole_file
from edgemin.study.kind import metric_of
from edgemin.study.table import measured_of

COLUMNS = ["study", "task", "seed", "cell", "chain", "runtime", "dataset", "split", "scenario", "metric", "value", "unit"]
_PARAMETERS = ("naive", "logical", "nonzero")
Row = dict[str, Any]


def collect(measured: Iterable[Mapping[str, Any]], among: Container[str] | None = None) -> pd.DataFrame:
    """measured: study, task, seed, cell, chain, runtime and the `folder` of the measurements, one per cell, seed and runtime. among: the files to
    read; all that can be in a folder."""
    rows = []
    for where in measured:
        common = {name: where[name] for name in COLUMNS[:6]}
        for name, read in _READ.items():
            if name in measured_of(where.get("timed", True)) and (among is None or f"{where['folder']}/{name}" in among):
                rows += [{**common, **row} for row in read(Path(where["folder"]), where["task"])]
    return pd.DataFrame(rows, columns=COLUMNS)


def write(table: pd.DataFrame, file: Path | str) -> None:
    with whole_file(file) as partial:
        table.to_csv(partial, index=False)


def _quality(folder: Path, task: str) -> Iterator[Row]:
    for split, values in read_json(folder / "quality.json")["splits"].items():
        for metric, value in values.items():
            unit = "examples" if metric == "examples" else metric_of(metric).unit
            yield {"dataset": task, "split": split, "metric": metric, "value": value, "unit": unit}


def _size(folder: Path, task: str) -> Iterator[Row]:
    size = read_json(folder / "size.json")
    for name in _PARAMETERS:
        if size[name] is not None:
            yield {"metric": f"parameters_{name}", "value": size[name], "unit": "parameters"}
    for component, counts in size["components"].items():
        for name, value in counts.items():
            yield {"metric": f"parameters_{name}_{component}", "value": value, "unit": "parameters"}
    for name in ("bytes", "compressed"):
        yield {"metric": name, "value": size[name], "unit": "bytes"}


def _latency(folder: Path, task: str) -> Iterator[Row]:
    latency = read_json(folder / "latency.json")
    for scenario in ("single_stream", "throughput"):
        for name, value in latency.get(scenario, {}).items():
            yield from _value(scenario, name, value)
    for length, values in latency.get("lengths", {}).items():
        for name, value in values.items():
            yield from _value(f"{length} tokens", name, value)
    if "tokenisation_p50_ms" in latency:  # a baseline has no tokens
        yield {"scenario": "tokenisation", "metric": "p50", "value": latency["tokenisation_p50_ms"], "unit": "ms"}
    if "end_to_end_p50_ms" in latency:
        yield from _value("end_to_end", "p50_ms", latency["end_to_end_p50_ms"])
        yield from _value("first_use", "cold_start_ms", latency["cold_start_ms"])
    if latency.get("peak_memory_mb") is not None:
        yield {"scenario": "first_use", "metric": "peak_memory", "value": latency["peak_memory_mb"], "unit": "MB"}


def _value(scenario: str, name: str, value: Any) -> Iterator[Row]:
    metric, unit = name.removesuffix("_ms"), "ms" if name.endswith("_ms") else _UNITS.get(name, "times")
    for suffix, number in (
        {"": value["value"], "_low": value["low"], "_high": value["high"]}.items() if isinstance(value, dict) else [("", value)]
    ):
        if number is not None:  # no interval with one round
            yield {"scenario": scenario, "metric": metric + suffix, "value": number, "unit": unit}


_UNITS = {
    "calls": "calls",
    "batch_size": "sentences",
    "sentences_per_second": "sentences/s",
    "own_sentences_per_second": "sentences/s",
}
_READ: dict[str, Callable[[Path, str], Iterator[Row]]] = {"quality.json": _quality, "size.json": _size, "latency.json": _latency}
