"""The rows of a split, in the place of `data.tokens.Tokens`: what a baseline reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Batch = dict[str, list[str]]
"""`text`, and `pair` for sentence pairs."""


@dataclass(frozen=True)
class Texts:
    """The rows of a split, with what `quality` asks of `Tokens`."""

    rows: pd.DataFrame

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """All alike: nothing is padded."""
        return np.zeros(len(self.rows), dtype=int)

    def column(self, name: str) -> Any:
        return self.rows[name]

    def batch(self, indices: Sequence[int]) -> Batch:
        chosen = self.rows.iloc[list(indices)]
        return {name: list(chosen[name]) for name in ("text", "pair") if name in chosen}
