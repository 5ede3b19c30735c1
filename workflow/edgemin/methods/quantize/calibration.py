"""Training sentences to calibrate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgemin.data.tokens import Tokens
from edgemin.training.data import Examples, sampled


def sentences(tokens: Path, folder: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Batches of `count` sentences drawn by the seed, or of all if there are fewer. folder: of the model that reads them."""
    tokenised = Tokens.read(tokens, folder)
    return sampled(Examples(tokenised, np.zeros(len(tokenised))), count, seed)
