"""The prepared data of a task: three Parquet files and a report, and their reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.config.study import SPLITS
from edgemin.errors import EdgeminError
from edgemin.files import read_json, whole_folder, write_json

REPORT = "data.json"


@dataclass
class TaskData:
    """The splits (columns id, text[, pair], label) and what is worth telling about them."""

    splits: dict[str, pd.DataFrame]
    label_names: list[str] | None
    report: dict[str, Any] = field(default_factory=dict)


def write(data: TaskData, folder: Path) -> None:
    with whole_folder(folder) as partial:
        for split, rows in data.splits.items():
            rows.to_parquet(partial / f"{split}.parquet", index=False)
        write_json(partial / REPORT, data.report)


def read_split(folder: Path, split: str) -> pd.DataFrame:
    """Columns id, text[, pair], label. Raises EdgeminError for an unreadable file."""
    assert split in SPLITS
    return read_rows(folder / f"{split}.parquet")


def read_rows(file: Path) -> pd.DataFrame:
    """Columns id, text[, pair], label (empty where a transfer set has none). Raises EdgeminError for an unreadable file."""
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise EdgeminError(f"{file}: not readable ({error}); delete it and run snakemake again") from None


def label_names(folder: Path) -> list[str] | None:
    """Class names by index; None for regression."""
    report: dict[str, Any] = read_json(folder / REPORT)
    return report["label_names"]
