"""The measuring job: open the models, run both scenarios, describe the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.config.study import Latency
from edgemin.measure import host as hosts
from edgemin.measure.latency import single_stream, take_turns, throughput
from edgemin.measure.runtimes import open_model
from edgemin.tasks.tokens import load_tokenizer, pad, tokenize


def measure(
    folders: dict[str, Path], runtime: str, test: pd.DataFrame, max_length: int, threads: int, protocol: Latency
) -> tuple[dict[str, Any], pd.DataFrame]:
    """folders: `model`, and if they are other models `reference` and `parent`, each with its tokenizer.

    Returns the summary and the raw timings (scenario, model, block, call, seconds).
    """
    cpus = hosts.pin(threads)
    manifest = hosts.host(threads)
    rows = test.iloc[np.random.default_rng(protocol.seed).permutation(len(test))].reset_index(drop=True)
    runs = {name: open_model(folder, runtime, threads) for name, folder in folders.items()}
    tokenizers = {name: load_tokenizer(folder) for name, folder in folders.items()}
    tokens = {name: tokenize(tokenizer, rows, max_length) for name, tokenizer in tokenizers.items()}

    def batches(size: int, count: int) -> dict[str, list[Any]]:
        return {
            name: [pad(tokens[name][i : i + size], tokenizers[name].pad_token_id) for i in range(0, size * count, size)]
            for name in folders
        }

    ones = batches(1, len(rows))
    stream = take_turns({name: _on(run, ones[name]) for name, run in runs.items()}, range(len(rows)), protocol)
    summary: dict[str, Any] = {"runtime": runtime, "threads": threads, "cpus": cpus, "single_stream": single_stream(stream)}
    raw = {"single_stream": stream}
    if runtime == "onnxruntime" and protocol.batches and len(rows) >= protocol.batch_size:
        full = batches(protocol.batch_size, min(protocol.batches, len(rows) // protocol.batch_size))
        many = protocol.model_copy(update={"warmup": 2, "calls": protocol.batches, "minimum_calls": protocol.blocks})
        raw["throughput"] = take_turns(
            {name: _on(run, full[name]) for name, run in runs.items()}, range(len(full["model"])), many
        )
        summary["throughput"] = throughput(raw["throughput"], protocol.batch_size)
    summary["tokenisation_p50_ms"] = _tokenisation(tokenizers["model"], rows, max_length, protocol)
    summary["host"] = manifest
    return summary, _table(raw)


def _on(run: Any, inputs: list[Any]) -> Any:
    return lambda index: run(inputs[index])


def _tokenisation(tokenizer: Any, rows: pd.DataFrame, max_length: int, protocol: Latency) -> float:
    single = protocol.model_copy(update={"seconds": min(1.0, protocol.seconds)})
    timings = take_turns({"model": lambda i: tokenize(tokenizer, rows.iloc[i : i + 1], max_length)}, range(len(rows)), single)
    return float(np.median(timings["model"]) * 1e3)


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
