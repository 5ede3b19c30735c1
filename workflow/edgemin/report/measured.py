"""What was measured of one cell, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.core.files import read_json
from edgemin.study.floor import is_baseline


def logits_of(folders: Sequence[str], split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """labels (N, ...) and logits (S, N, K) of a split, test or validation, one of folders per seed."""
    return answers_of([pd.read_parquet(Path(folder) / "predictions.parquet") for folder in folders], split)


def answers_of(tables: Sequence[pd.DataFrame], split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Likewise, of tables of predictions."""
    chosen = [table[table["split"] == split] for table in tables]
    labels = chosen[0]["label"]
    gold = np.stack(labels.to_list()) if labels.dtype == object else labels.to_numpy()
    return gold, np.stack([np.stack(table["logits"].to_list()) for table in chosen])


def validation_of(folders: Sequence[str], metric: str) -> float:
    """Mean over seeds of the metric on the validation split."""
    found = [read_json(Path(folder) / "quality.json")["splits"]["validation"][metric] for folder in folders]
    return float(np.mean(found))


def mean_of(rows: pd.DataFrame, metric: str, scenario: str | None = None) -> float | None:
    """Mean over seeds; None where it was not measured."""
    chosen = rows[(rows["metric"] == metric) & ((rows["scenario"] == scenario) if scenario else rows["scenario"].isna())]
    return float(chosen["value"].mean()) if len(chosen) else None


def sizes_of(rows: pd.DataFrame) -> dict[str, float | None]:
    names = {
        "parameters_naive": "naive",
        "parameters_logical": "logical",
        "parameters_nonzero": "nonzero",
        "bytes": "bytes",
        "compressed": "compressed",
    }
    return {name: mean_of(rows, metric) for metric, name in names.items()}


def timed_of(seeds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those whose latency was measured."""
    return [seed for seed in seeds if seed.get("timed", True)]


def of_one_machine(seeds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those whose latency was measured on the CPU of most of them (of as many, of the first): times of two CPUs have no mean."""
    return max(_by_machine(seeds).values(), key=len)


def machine_of(seeds: Sequence[Mapping[str, Any]]) -> str:
    """The CPU of `of_one_machine`."""
    groups = _by_machine(seeds)
    return max(groups, key=lambda machine: len(groups[machine]))


def _by_machine(seeds: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for seed in timed_of(seeds):
        host = read_json(Path(seed["folder"]) / "latency.json")["host"]
        groups.setdefault(machine_text(host), []).append(seed)
    return groups


def machine_text(host: Mapping[str, Any]) -> str:
    """A CPU, and what it can do."""
    flags = ", ".join(host.get("flags", ()))
    return f"{host['cpu']} ({flags})" if flags else str(host["cpu"])


BASELINES = (
    "Baselines have no tokens: all their times are from text, and they are timed in turn with the teacher from text. Their changes have no p, since "
    "they are no hypotheses."
)


def latency_note(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Where latencies were measured, and what their intervals are over. seeds: of all rows of a table."""
    return f"{_latency_note(seeds)} {BASELINES}" if any(is_baseline(seed["chain"]) for seed in seeds) else _latency_note(seeds)


def _latency_note(seeds: Sequence[Mapping[str, Any]]) -> str:
    counted = of_one_machine(seeds)
    timed = [read_json(Path(seed["folder"]) / "latency.json") for seed in counted]
    text = f"Machine: {machine_text(timed[0]['host'])}, {timed[0]['threads']} inference thread(s)"
    if left := sorted({seed["seed"] for seed in timed_of(seeds)} - {seed["seed"] for seed in counted}):
        text += f"; seeds {', '.join(map(str, left))} are of other machines, and their latencies are left out"
    if elsewhere := timed_elsewhere(seeds, machine_of(seeds)):
        text += f"; {', '.join(elsewhere)} {'was' if len(elsewhere) == 1 else 'were'} timed on another CPU: these times are not comparable"
    if len(timed_of(seeds)) < len(seeds):
        text += f". Latency is of seed {', '.join(map(str, sorted({seed['seed'] for seed in counted})))} alone"
    rounds = sorted({one["rounds"] for one in timed})
    if rounds == [1]:
        return f"{text}. Latency was measured in one round, so it has no interval: how far the next run is away was not measured."
    return f"{text}. Intervals of latency say where the next run of {' or '.join(map(str, rounds))} rounds falls (95 %)."


def timed_elsewhere(seeds: Sequence[Mapping[str, Any]], machine: str) -> list[str]:
    """Chains whose times are of another CPU than this one."""
    chains: dict[str, list[Mapping[str, Any]]] = {}
    for seed in seeds:
        chains.setdefault(str(seed["chain"]), []).append(seed)
    return [chain for chain, own in chains.items() if machine_of(own) != machine]


def latencies_of(rows: pd.DataFrame) -> dict[str, float | None]:
    """Means over seeds; an interval's ends are averaged too, which keeps its width: seeds do not make one machine many. With one round
    there are no ends."""
    found = {}
    for metric in ("p50", "p90", "p99", "speedup_over_reference", "speedup_over_parent"):
        for end in ("", "_low", "_high"):
            found[f"{metric}{end}"] = mean_of(rows, metric + end, "single_stream")
    for end in ("", "_low", "_high"):
        found[f"end_to_end{end}"] = mean_of(rows, f"p50{end}", "end_to_end")
    found |= _from_text(found)
    found["sentences_per_second"] = mean_of(rows, "sentences_per_second", "throughput")
    return found


def _from_text(found: Mapping[str, float | None]) -> dict[str, float | None]:
    """From text: the ends of its interval, and p90 likewise. From text is p50 times a ratio, and as measured the ends are of the ratio alone: the
    half-widths of both logs add as squares. A baseline has no tokens: all its times are from text."""
    p50, p90, value = (found[name] for name in ("p50", "p90", "end_to_end"))
    if p50 is None or p90 is None or value is None:
        return {"p90_from_text": None}
    widths = [(found[f"{name}_low"], found[f"{name}_high"]) for name in ("p50", "end_to_end")]
    ends: dict[str, float | None] = {"p90_from_text": p90 * value / p50}
    if value != p50 and all(low and high for low, high in widths):
        reach = float(np.hypot(*(np.log(high / low) / 2 for low, high in widths if low and high)))
        ends |= {"end_to_end_low": value * float(np.exp(-reach)), "end_to_end_high": value * float(np.exp(reach))}
    return ends


def count_of(name: str, seeds: Sequence[Mapping[str, Any]]) -> float:
    """Mean over seeds of a number of size.json."""
    return float(np.mean([read_json(Path(seed["folder"]) / "size.json")[name] for seed in seeds]))


def log_speed(seeds: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Log of how many times faster than the teacher, mean over seeds of one class of machine, and half the width of its interval; without one
    (a single round) it is not a number."""
    logs = []
    for seed in of_one_machine(seeds):
        ratio = read_json(Path(seed["folder"]) / "latency.json")["single_stream"].get("speedup_over_reference")
        if ratio is None:
            logs.append((0.0, 0.0))  # the teacher itself
        else:
            wide = np.nan if ratio["low"] is None else np.log(ratio["high"] / ratio["low"]) / 2
            logs.append((np.log(ratio["value"]), wide))
    middle, half = np.mean(logs, axis=0)
    return float(middle), float(half)
