"""Training sentences to calibrate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.training.data import Examples, sampled


def sentences(tokens: Path, folder: Path, count: int, seed: int, at_least: int | None = None) -> list[dict[str, Any]]:
    """Batches of `count` sentences drawn by the seed. folder: of the model that reads them.

    Raises EdgeminError if there are fewer than `at_least` (`count`, unless it is given).
    """
    found = Tokens.read(tokens, folder)
    if len(found) < (count if at_least is None else at_least):
        raise EdgeminError(f"sentences: {count} to calibrate on, but the training split in {tokens} has {len(found)}; lower it")
    return sampled(Examples(found, np.zeros(len(found))), count, seed)
