"""Quality on test sets of other kinds of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.data.tokens import Tokens
from edgemin.measure.quality import measure
from edgemin.study.kind import kind_of
from edgemin.study.runtime import open_model

BATCH = 32


def measure_folder(folder: Path, runtime: str, tests: Mapping[str, Path], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Metric and number of examples by the name of each test set. tests: name -> file of tokens. spec: metric, threads."""
    tokens = {name: Tokens.read(file, folder) for name, file in tests.items()}
    run = open_model(folder, runtime, spec["threads"])
    result, _ = measure(run, tokens, BATCH, kind_of(spec), spec["metric"])
    return result
