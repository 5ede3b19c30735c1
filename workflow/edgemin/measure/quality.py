"""Predictions of a model on validation and test, in the runtime in which it would be shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edgemin.data.tokens import Tokens
from edgemin.measure.host import host
from edgemin.study.kind import Kind, kind_of
from edgemin.study.runtime import open_model

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


def predict(run: Run, tokens: Tokens, batch_size: int) -> np.ndarray:
    """Logits (N, K) in the order of `tokens`; batches hold sentences of similar length."""
    order = np.argsort(tokens.lengths, kind="stable")
    parts: list[np.ndarray] = [np.empty(0)] * len(tokens)
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size].tolist()
        for index, row in zip(indices, run(tokens.batch(indices)), strict=True):
            parts[index] = row
    return np.stack(parts)


def measure(
    run: Run, tokens: Mapping[str, Tokens], batch_size: int, kind: Kind, metric: str
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Metric per split, and a table of predictions: id, split, label, prediction, logits.

    batch_size: 1 for dynamically quantized models, whose activation ranges span the batch, so that an answer would
    depend on its neighbours.
    """
    judge = kind.scores()
    scores, tables = {}, []
    for split, texts in tokens.items():
        logits = predict(run, texts, batch_size)
        labels = judge.gold(texts.column("label"))
        scores[split] = {metric: judge.score(metric)(labels, logits), "examples": len(texts)}
        answers = {"label": labels, "prediction": judge.decide(logits), "logits": logits.astype(np.float32)}
        listed = {name: list(values) if values.ndim > 1 else values for name, values in answers.items()}
        tables.append(pd.DataFrame({"id": texts.column("id"), "split": split, **listed}))
    return {"metric": metric, "batch_size": batch_size, "splits": scores}, pd.concat(tables, ignore_index=True)


def measure_folder(
    folder: Path, runtime: str, tokens: Mapping[str, Path], spec: Mapping[str, Any]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure the model of a folder. tokens: split -> file. spec: metric, batch_size, threads."""
    texts = {split: Tokens.read(file, folder) for split, file in tokens.items()}
    run = open_model(folder, runtime, spec["threads"])
    result, predictions = measure(run, texts, spec["batch_size"], kind_of(spec), spec["metric"])
    return {"runtime": runtime, **result, "host": host(spec["threads"])}, predictions
