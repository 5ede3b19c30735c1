"""The rows that two sides share, paired by seed and by example: quality, sizes, latencies, and how far they are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.report.blocks import change_columns
from edgemin.report.differences.sides import SIDES, Key, Side
from edgemin.report.differences.times import is_timed, latency
from edgemin.report.measured import answers_of
from edgemin.report.statistics.adjust import adjusted
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import values_of


@dataclass(frozen=True)
class Pair:
    """A row that both sides have."""

    key: Key
    a: Side
    b: Side

    @property
    def seeds(self) -> list[int]:
        """The seeds that both have."""
        return sorted(self.a.folders[self.key].keys() & self.b.folders[self.key].keys())

    def each(self, name: str) -> Iterator[tuple[int, tuple[Any, Any]]]:
        """Seed, and a measurement's JSON file of both sides, where both have it."""
        for seed in self.seeds:
            a, b = (side.json(f"{side.folders[self.key][seed]}/{name}") for side in (self.a, self.b))
            if a is not None and b is not None:
                yield seed, (a, b)


def pairs(a: Side, b: Side) -> list[Pair]:
    """Of two sides, in the order of the first. Raises EdgeminError where they share no row."""
    shared = [Pair(key, a, b) for key in a.folders if key in b.folders]
    if not shared:
        raise EdgeminError(f"{a.place} and {b.place}: have no task, cell and runtime in common; {_list('A', a)}; {_list('B', b)}")
    return shared


def _list(name: str, side: Side) -> str:
    cells = list(dict.fromkeys(f"{key.task} {key.cell}" for key in side.folders))
    return f"{name} has {', '.join(cells[:6]) or 'nothing measured'}{', …' if len(cells) > 6 else ''}"


def frame(both: Iterable[Pair]) -> pd.DataFrame:
    """One row for each pair, numbers unrounded; what is not known, or not comparable, is missing. p is corrected for all rows."""
    rows = [_row(pair) for pair in both]
    columns = dict.fromkeys(name for row in rows for name in row)
    return adjusted(pd.DataFrame([{name: row.get(name) for name in columns} for row in rows]))


def _row(pair: Pair) -> dict[str, Any]:
    chain = pair.a.chains[pair.key.cell]
    why = {"why": "", "why_larger": _unpaired(pair, "size.json"), "why_slower": _unpaired(pair, "latency.json", is_timed)}
    row = {**pair.key._asdict(), "chain": chain, "against": chain, "seeds": len(pair.seeds), **why}
    if not pair.seeds:
        return {**row, **_alone(pair), "why": "no seed in common"}
    return {**row, **quality(pair), **_sizes(pair), **latency(pair.key, pair.a, pair.b, pair.each("latency.json"))}


def _unpaired(pair: Pair, name: str, tells: Callable[[Any], bool] = bool) -> str:
    """Why no common seed has a JSON file that tells something on both sides; empty where one has, and where A has none to compare."""
    if any(tells(ours) and tells(theirs) for _, (ours, theirs) in pair.each(name)):
        return ""
    ours, theirs = (
        any(
            (content := side.json(f"{folder}/{name}")) is not None and tells(content)
            for folder in side.folders[pair.key].values()
        )
        for side in (pair.a, pair.b)
    )
    what = name.removesuffix(".json")
    return "" if not ours else f"no seed with {what} in common" if theirs else f"B has no {what}"


def judge_of(pair: Pair) -> Judge:
    """As a study says, or as the answers were measured. Raises EdgeminError where both sides have another metric."""
    metrics = []
    for side in (pair.a, pair.b):
        task = (side.settings or {}).get("tasks", {}).get(pair.key.task, {})
        metric = task.get("metric") or _quality(side, pair.key).get("metric")
        metrics.append({"metric": metric, "kind": task.get("kind")})
    first, second = metrics
    if first["metric"] != second["metric"] or first["metric"] is None:
        raise EdgeminError(
            f"task {pair.key.task}: its metric is {first['metric']} in {pair.a.place} and {second['metric']} in {pair.b.place}; "
            "compare studies that judge answers alike"
        )
    return Judge.of({"metric": first["metric"], "kind": first["kind"] or second["kind"]})


def _quality(side: Side, key: Key) -> Mapping[str, Any]:
    content: Mapping[str, Any] = side.json(f"{next(iter(side.folders[key].values()))}/quality.json")
    return content


def _alone(pair: Pair) -> dict[str, Any]:
    """Qualities side by side, each the mean of its own seeds."""
    metric = judge_of(pair).metric
    row: dict[str, Any] = {"metric": metric}
    for name, side in zip(SIDES, (pair.a, pair.b), strict=True):
        qualities = [side.json(f"{folder}/quality.json") for folder in side.folders[pair.key].values()]
        row[f"quality_{name}"] = float(np.mean([one["splits"]["test"][metric] for one in qualities]))
    return row


def quality(pair: Pair) -> dict[str, Any]:
    """Quality of both on the examples that both answered, and the paired difference, B less A (`report.blocks.change_columns`).

    `changed` is the share of the answers that differ, None where an answer is a number; `identical` whether logits are the same to the last digit.
    Raises EdgeminError if predictions are missing.
    """
    judge = judge_of(pair)
    tables = [_tables(side, pair) for side in (pair.a, pair.b)]
    common = _common(table for side in tables for table in side)
    row = {"metric": judge.metric, "examples": len(common), "examples_a": len(tables[0][0]), "examples_b": len(tables[1][0])}
    if not len(common):
        return {**row, **_alone(pair), "why": "no test example in common"}
    (labels, ours), (labels_b, theirs) = (
        answers_of([table.loc[common].assign(split="test") for table in side]) for side in tables
    )
    if ours.shape != theirs.shape or not np.array_equal(labels, labels_b, equal_nan=labels.dtype.kind == "f"):
        return {**row, **_alone(pair), "why": "another test set: labels of the same examples differ"}
    a, b = values_of(judge, labels, ours), values_of(judge, labels, theirs)
    agreement = judge.scores.agreement(ours, theirs)
    return {
        **row,
        "quality_a": float(a.by_seed.mean()),
        "quality_b": float(b.by_seed.mean()),
        **change_columns(b - a),
        "changed": None if agreement is None else 1 - agreement,
        "identical": bool(np.array_equal(ours, theirs)),
    }


def _tables(side: Side, pair: Pair) -> list[pd.DataFrame]:
    """Answers of each common seed, by example."""
    tables = []
    for seed in pair.seeds:
        folder = side.folders[pair.key][seed]
        table = side.predictions(folder)
        if table is None or "id" not in table or not table["id"].is_unique:
            raise EdgeminError(
                f"{side.place}: {folder}/predictions.parquet is missing, or names no examples; run snakemake again"
            )
        tables.append(table.set_index("id"))
    return tables


def _common(tables: Iterable[pd.DataFrame]) -> pd.Index:
    """Examples that all tables have, in the order of the first."""
    first, *others = (table.index for table in tables)
    for other in others:
        first = first[first.isin(other)]
    return first


def _sizes(pair: Pair) -> dict[str, Any]:
    """Bytes and logical parameters, means over seeds, and how many times larger B is."""
    sizes = [both for _, both in pair.each("size.json")]
    if not sizes:
        return {}
    row: dict[str, Any] = {}
    for name, side in zip(SIDES, zip(*sizes, strict=True), strict=True):
        for count in ("bytes", "logical", "nonzero"):
            known = [one[count] for one in side]
            row[f"{count}_{name}"] = None if None in known else float(np.mean(known))
    return {**row, "larger": row["bytes_b"] / row["bytes_a"]}
