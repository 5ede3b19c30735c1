"""Baselines on disk: fitted from a task's rows into a folder, and opened from there to answer texts.

A folder holds config.json (settings, terms, what was tried), model.safetensors and provenance.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from edgemin.core.arrays import read_arrays
from edgemin.core.files import read_json, whole_folder
from edgemin.core.provenance import check_provenance, write_provenance
from edgemin.data.arrow import read_rows
from edgemin.study.floor import baseline_of
from edgemin.study.kind import Kind, kind_of

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Texts: TypeAlias = Mapping[str, Sequence[str]]
"""`text`, and `pair` for sentence pairs: of each example."""
Answer: TypeAlias = Callable[[Texts], np.ndarray]
"""Logits (N, K) of N examples; of values (N, 1)."""


@dataclass(frozen=True)
class Rows:
    """What a baseline is fitted to."""

    splits: Mapping[str, pd.DataFrame]
    """`train` and `validation`: columns text[, pair], label."""
    kind: Kind
    classes: int | None
    """How many; None for values."""

    @property
    def columns(self) -> list[str]:
        """Names of the texts of a row."""
        return [name for name in ("text", "pair") if name in self.splits["train"]]

    def texts(self, split: str, column: str) -> list[str]:
        return list(self.splits[split][column])

    def labels(self, split: str) -> np.ndarray:
        """(N,) class indices, or values."""
        gold: np.ndarray = self.kind.scores().gold(self.splits[split]["label"])
        return gold


@dataclass(frozen=True)
class Fitted:
    """What a baseline has learned."""

    values: dict[str, Any]
    """In JSON types."""
    arrays: dict[str, np.ndarray]


def fit_folder(files: Mapping[str, Path], label_names: list[str] | None, out: Path, spec: Mapping[str, Any]) -> None:
    """Fit a baseline. files: split -> rows. spec: baseline, as the study says it; metric and kind of the task. Weights are kept in float32."""
    from safetensors.numpy import save_file

    settings, classes = baseline_of(spec["baseline"]), None if label_names is None else len(label_names)
    fitted = settings.fit(Rows({split: read_rows(file) for split, file in files.items()}, kind_of(spec), classes))
    config = {"settings": spec["baseline"], "classes": classes, **fitted.values}
    arrays = {name: np.ascontiguousarray(values, np.float32) for name, values in fitted.arrays.items()}
    with whole_folder(out) as partial:
        (partial / CONFIG).write_text(json.dumps(config, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        save_file(arrays, partial / WEIGHTS)
        write_provenance(partial, spec=spec, parents=files.values())


def open_folder(folder: Path) -> Answer:
    """Raises EdgeminError for a folder that is damaged."""
    check_provenance(folder, CONFIG, WEIGHTS)
    config = read_json(folder / CONFIG)
    return baseline_of(config["settings"]).answer(Fitted(config, read_arrays(folder / WEIGHTS)))
