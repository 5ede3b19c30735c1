"""The job of one round: open the models, run both scenarios, describe the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.data.arrow import read_rows
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.data.tokens import Tokens
from edgemin.measure import host as hosts
from edgemin.measure.latency import sentences_of_block, single_stream, take_turns, throughput
from edgemin.study import registry
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model

Inputs = dict[str, list[dict[str, np.ndarray]]]


def measure(
    models: Mapping[str, tuple[Path, Path]], runtime: str, texts: Path, spec: Mapping[str, Any], number: int = 1
) -> tuple[dict[str, Any], pd.DataFrame]:
    """models: `model`, and if they are other models `reference` and `parent`: each one's folder, and the file of the test split's tokens by
    its tokenizer. texts: the test split itself. spec: protocol (of one round), max_length, threads. number: of the round, from 1 on; each
    goes on in the test split where the one before ended.

    Returns the summary and the raw timings (scenario, model, block, call, seconds).
    """
    threads, protocol = spec["threads"], Latency.model_validate(spec["protocol"])
    cpus = hosts.pin(threads)
    manifest = hosts.host(threads)
    tokens = {name: Tokens.read(file, folder) for name, (folder, file) in models.items()}
    shuffled = np.random.default_rng(protocol.seed).permutation(len(tokens["model"]))
    order = _from(shuffled, (number - 1) * protocol.blocks * sentences_of_block(protocol))
    runs = {name: open_model(folder, runtime, threads) for name, (folder, _) in models.items()}
    ones = _batches(tokens, order, 1)
    stream = take_turns({name: _on(run, ones[name]) for name, run in runs.items()}, range(len(order)), protocol)
    summary: dict[str, Any] = {"runtime": runtime, "threads": threads, "cpus": cpus, "single_stream": single_stream(stream)}
    raw = {"single_stream": stream}
    size = protocol.batch_size
    if registry.RUNTIMES[runtime].batches and protocol.batches and len(order) >= size:
        count = size * min(protocol.batches, len(order) // size)
        lengths = tokens.get("reference", tokens["model"]).lengths
        full = _batches(tokens, sorted(_from(shuffled, (number - 1) * count)[:count], key=lengths.__getitem__), size)
        many = protocol.model_copy(update={"warmup": 2, "calls": protocol.batches, "minimum_calls": protocol.blocks})
        calls = {name: _on(run, full[name]) for name, run in runs.items()}
        raw["throughput"] = take_turns(calls, range(len(full["model"])), many)
        summary["throughput"] = throughput(raw["throughput"], size)
    summary["tokenisation_p50_ms"] = _tokenisation(models["model"][0], texts, order, spec["max_length"], protocol)
    summary["host"] = manifest
    return summary, _table(raw)


def _from(order: np.ndarray, start: int) -> list[int]:
    """The order, begun at another place; what is before it comes last."""
    found: list[int] = np.roll(order, -start).tolist()
    return found


def _batches(tokens: Mapping[str, Tokens], order: Sequence[int], size: int) -> Inputs:
    """For each model the same texts, in this order, so many at a time."""
    return {
        name: [texts.batch(order[start : start + size]) for start in range(0, len(order), size)] for name, texts in tokens.items()
    }


def _on(run: Any, inputs: list[Any]) -> Any:
    return lambda index: run(inputs[index])


def _tokenisation(folder: Path, texts: Path, order: Sequence[int], max_length: int, protocol: Latency) -> float:
    """p50 of making one text's ids, in ms."""
    rows, tokenizer = read_rows(texts), load_tokenizer(folder)
    firsts = [[text] for text in rows["text"]]
    seconds = [[text] for text in rows["pair"]] if "pair" in rows else [None] * len(rows)
    single = protocol.model_copy(update={"seconds": min(1.0, protocol.seconds)})
    calls = {"model": lambda i: tokenize(tokenizer, firsts[order[i]], seconds[order[i]], max_length)}
    return float(np.median(take_turns(calls, range(len(order)), single)["model"]) * 1e3)


def _table(raw: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    parts = []
    for scenario, timings in raw.items():
        for name, values in timings.items():
            blocks, calls = values.shape
            parts.append(
                pd.DataFrame(
                    {
                        "scenario": scenario,
                        "model": name,
                        "block": np.repeat(np.arange(blocks), calls),
                        "call": np.tile(np.arange(calls), blocks),
                        "seconds": values.ravel(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
