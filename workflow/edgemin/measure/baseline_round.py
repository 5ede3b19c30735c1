"""One round of a baseline's latency. A baseline has no tokens, so its times are from text, and so are those of the teacher in turn with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.data.arrow import read_rows
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.data.tokens import pad
from edgemin.measure import host as hosts
from edgemin.measure.first_use import first_use
from edgemin.measure.latency import sentences_of_block, single_stream, take_turns, throughput
from edgemin.measure.texts import Batch, Texts
from edgemin.methods.floor import open_folder
from edgemin.study.floor import NUMPY
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model


def from_text(folder: Path, runtime: str, threads: int, max_length: int) -> Callable[[Batch], np.ndarray]:
    """A model that reads texts: tokenised, padded and answered, as `latency_job` times it end to end."""
    model, tokenizer = open_model(folder, runtime, threads), load_tokenizer(folder)

    def run(texts: Batch) -> np.ndarray:
        return model(pad(tokenize(tokenizer, texts["text"], texts.get("pair"), max_length), tokenizer.pad_token_id))

    return run


def time_round(
    folder: Path, reference: Path, texts: Path, spec: Mapping[str, Any], number: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """One round, on the same sentences as a cell's. reference: folder of the teacher. spec: protocol (of one round), max_length, threads, and
    the teacher's runtime. number: of the round, from 1. Returns the summary and the raw timings, as `latency_job.measure` does."""
    threads, protocol = spec["threads"], Latency.model_validate(spec["protocol"])
    cpus = hosts.pin(threads)
    manifest = hosts.host(threads)
    rows = Texts(read_rows(texts))
    shuffled = np.random.default_rng(protocol.seed).permutation(len(rows))
    order: list[int] = np.roll(shuffled, -(number - 1) * protocol.blocks * sentences_of_block(protocol)).tolist()
    ones = [rows.batch([index]) for index in order]
    model, first = first_use(lambda: open_folder(folder), ones[0])
    raw = {
        "single_stream": take_turns(
            {"model": model, "reference": from_text(reference, spec["reference"], threads, spec["max_length"])}, ones, protocol
        )
    }
    summary: dict[str, Any] = {"runtime": NUMPY.name, "threads": threads, "cpus": cpus}
    summary["single_stream"] = single_stream(raw["single_stream"])
    batch = protocol.batch_size
    if protocol.batches and len(order) >= batch:
        full = [rows.batch(order[start : start + batch]) for start in range(0, len(order) - batch + 1, batch)]
        many = protocol.model_copy(update={"warmup": 2, "calls": protocol.batches, "minimum_calls": protocol.blocks})
        raw["throughput"] = take_turns({"model": model}, full[: protocol.batches], many)
        summary["throughput"] = throughput(raw["throughput"], batch)
    return {**summary, **first, "host": manifest}, _table(raw)


def _table(raw: Mapping[str, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Columns scenario, model, block, seconds: one row a call."""
    parts = [
        pd.DataFrame({"scenario": scenario, "model": name, "block": block, "seconds": seconds})
        for scenario, timings in raw.items()
        for name, values in timings.items()
        for block, seconds in enumerate(values)
    ]
    return pd.concat(parts, ignore_index=True)
