"""What a model answers, in the runtime that it would be shipped in, on validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.files import whole_file
from edgemin.measure.host import host
from edgemin.measure.runtimes import Run, open_model
from edgemin.tasks import store
from edgemin.tasks.metrics import compute, decisions
from edgemin.tasks.tokens import load_tokenizer, pad, tokenize


def predict(run: Run, tokens: list[dict[str, list[int]]], pad_id: int, batch_size: int) -> np.ndarray:
    """Logits (N, K) in the order of `tokens`; batches hold sentences of similar length."""
    order = np.argsort([len(example["input_ids"]) for example in tokens], kind="stable")
    parts: list[np.ndarray] = [np.empty(0)] * len(tokens)
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        for index, row in zip(indices, run(pad([tokens[i] for i in indices], pad_id)), strict=True):
            parts[index] = row
    return np.stack(parts)


def measure(
    run: Run,
    rows: Mapping[str, pd.DataFrame],
    tokens: Mapping[str, list[dict[str, list[int]]]],
    pad_id: int,
    batch_size: int,
    metric: str,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Metric per split, and a table of predictions: id, split, label, prediction, logits.

    batch_size: 1 for dynamically quantized models, whose activation ranges span the batch, so that an answer would
    depend on its neighbours.
    """
    regression = metric in ("pearson", "spearman")
    scores, tables = {}, []
    for split, table in rows.items():
        logits = predict(run, tokens[split], pad_id, batch_size)
        labels = table["label"].to_numpy()
        scores[split] = {metric: compute(metric, labels, logits), "examples": len(table)}
        tables.append(
            pd.DataFrame(
                {
                    "id": table["id"],
                    "split": split,
                    "label": labels,
                    "prediction": decisions(logits, regression),
                    "logits": list(logits.astype(np.float32)),
                }
            )
        )
    return {"metric": metric, "batch_size": batch_size, "splits": scores}, pd.concat(tables, ignore_index=True)


def measure_folder(folder: Path, runtime: str, data: Path, spec: Mapping[str, Any]) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure the model of a folder on the data of a folder. spec: metric, max_length, batch_size, threads."""
    tokenizer = load_tokenizer(folder)
    rows = {split: store.read_split(data, split) for split in ("validation", "test")}
    tokens = {split: tokenize(tokenizer, table, spec["max_length"]) for split, table in rows.items()}
    run = open_model(folder, runtime, spec["threads"])
    found, predictions = measure(run, rows, tokens, tokenizer.pad_token_id, spec["batch_size"], spec["metric"])
    return {"runtime": runtime, **found, "host": host(spec["threads"])}, predictions


def write_table(table: pd.DataFrame, file: Path | str) -> None:
    with whole_file(file) as partial:
        table.to_parquet(partial, index=False)
