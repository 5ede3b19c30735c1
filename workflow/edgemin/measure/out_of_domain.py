"""Quality on test sets of other kinds of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.measure.quality import measure
from edgemin.measure.runtimes import open_model
from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, tokenize

BATCH = 32


def measure_folder(folder: Path, runtime: str, tests: Sequence[Path], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Metric and number of examples by the name of each test set's file. spec: metric, max_length, threads."""
    tokenizer = load_tokenizer(folder)
    rows = {file.stem: store.read_rows(file) for file in tests}
    tokens = {name: tokenize(tokenizer, table, spec["max_length"]) for name, table in rows.items()}
    run = open_model(folder, runtime, spec["threads"])
    found, _ = measure(run, rows, tokens, tokenizer.pad_token_id, BATCH, spec["metric"])
    return found
