"""The job of one round: open the models, run all scenarios, describe the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.data.arrow import read_rows
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.data.tokens import Tokens, pad
from edgemin.measure import host as hosts
from edgemin.measure.blocks import ratio
from edgemin.measure.first_use import first_use
from edgemin.measure.latency import Call, sentences_of_block, single_stream, take_turns, throughput
from edgemin.measure.lengths import COUNT, of_length
from edgemin.study import registry
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model

Inputs = dict[str, list[dict[str, np.ndarray]]]


def measure(
    models: Mapping[str, tuple[Path, Path]], runtime: str, texts: Path, spec: Mapping[str, Any], number: int = 1
) -> tuple[dict[str, Any], pd.DataFrame]:
    """models: `model`, and `reference` and `parent` if they differ from it. Each has its folder and the test split's tokens by its
    tokenizer. texts: the test split itself. spec: protocol (of one round), max_length, threads. number: of the round, from 1. Each
    round continues in the test split where the round before ended.

    Returns the summary and the raw timings (scenario, model, block, call, seconds).
    """
    threads, protocol = spec["threads"], Latency.model_validate(spec["protocol"])
    cpus = hosts.pin(threads)
    manifest = hosts.host(threads)
    tokens = {name: Tokens.read(file, folder) for name, (folder, file) in models.items()}
    shuffled = np.random.default_rng(protocol.seed).permutation(len(tokens["model"]))
    order = _from(shuffled, (number - 1) * protocol.blocks * sentences_of_block(protocol))
    ones = _batches(tokens, order, 1)
    opened = {name: partial(open_model, folder, runtime, threads) for name, (folder, _) in models.items()}
    model, first = first_use(opened.pop("model"), ones["model"][0])  # while no other is there
    runs = {"model": model, **{name: open_one() for name, open_one in opened.items()}}
    stream = take_turns({name: _on(run, ones[name]) for name, run in runs.items()}, range(len(order)), protocol)
    summary: dict[str, Any] = {"runtime": runtime, "threads": threads, "cpus": cpus, "single_stream": single_stream(stream)}
    raw = {"single_stream": stream}
    summary["lengths"] = {
        str(length): _by_length(runs, tokens, order, length, protocol)
        for length in protocol.lengths
        if length <= spec["max_length"]
    }
    size = protocol.batch_size
    if registry.RUNTIMES[runtime].batches and protocol.batches and len(order) >= size:
        count = size * min(protocol.batches, len(order) // size)
        lengths = tokens.get("reference", tokens["model"]).lengths
        full = _batches(tokens, sorted(_from(shuffled, (number - 1) * count)[:count], key=lengths.__getitem__), size)
        many = protocol.model_copy(update={"warmup": 2, "calls": protocol.batches, "minimum_calls": protocol.blocks})
        calls = {name: _on(run, full[name]) for name, run in runs.items()}
        raw["throughput"] = take_turns(calls, range(len(full["model"])), many)
        summary["throughput"] = throughput(raw["throughput"], size)
    answers = _on(model, ones["model"])
    summary |= first | _from_text(models["model"][0], model, answers, texts, order, spec["max_length"], protocol)
    summary["host"] = manifest
    return summary, _table(raw)


def _from(order: np.ndarray, start: int) -> list[int]:
    """The order, rotated to another start."""
    rotated: list[int] = np.roll(order, -start).tolist()
    return rotated


def _batches(tokens: Mapping[str, Tokens], order: Sequence[int], size: int) -> Inputs:
    """The same texts for each model, in this order, in batches of one size."""
    return {
        name: [texts.batch(order[start : start + size]) for start in range(0, len(order), size)] for name, texts in tokens.items()
    }


def _on(run: Any, inputs: list[Any]) -> Any:
    return lambda index: run(inputs[index])


def _by_length(
    runs: Mapping[str, Any], tokens: Mapping[str, Tokens], order: Sequence[int], length: int, protocol: Latency
) -> dict[str, Any]:
    """p50 of the model, and its speed-up over the reference, on inputs of `length` tokens."""
    few = protocol.model_copy(update={"warmup": 1, "calls": COUNT, "minimum_calls": COUNT, "blocks": COUNT})
    inputs = {name: of_length(tokens[name], order, length) for name in runs if name != "parent"}
    timed = take_turns({name: _on(runs[name], own) for name, own in inputs.items()}, range(COUNT), few)
    result: dict[str, Any] = {"p50_ms": float(np.median(timed["model"]) * 1e3)}
    if "reference" in timed:
        result["speedup_over_reference"] = ratio(timed["reference"], timed["model"]).as_dict()
    return result


def _from_text(
    folder: Path, model: Any, answers: Call, texts: Path, order: Sequence[int], max_length: int, protocol: Latency
) -> dict[str, float]:
    """p50 in ms of tokenising one text, and of tokenising plus the model's answer (end to end). `end_to_end_over_model` is the ratio
    of end to end to the model's answer alone. All are measured in turn on the same texts."""
    rows, tokenizer = read_rows(texts), load_tokenizer(folder)
    firsts = [[text] for text in rows["text"]]
    seconds = [[text] for text in rows["pair"]] if "pair" in rows else [None] * len(rows)

    def ids(index: int) -> list[dict[str, list[int]]]:
        return tokenize(tokenizer, firsts[order[index]], seconds[order[index]], max_length)

    def whole(index: int) -> Any:
        return model(pad(ids(index), tokenizer.pad_token_id))

    calls: dict[str, Call] = {"tokenisation": ids, "model": answers, "end_to_end": whole}
    single = protocol.model_copy(update={"seconds": min(1.0, protocol.seconds), "warmup": min(5, protocol.warmup)})
    timed = take_turns(calls, range(len(order)), single)
    medians = {f"{name}_p50_ms": float(np.median(timed[name]) * 1e3) for name in ("tokenisation", "end_to_end")}
    return {**medians, "end_to_end_over_model": ratio(timed["end_to_end"], timed["model"]).value}


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
