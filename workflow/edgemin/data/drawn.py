"""Some of a split's texts, where reading all would take too long."""

from __future__ import annotations

import numpy as np

from edgemin.data.tokens import Tokens


def drawn(texts: int, count: int) -> np.ndarray:
    """Places of `count` of so many texts, in order: the same draw each time, all of them if there are fewer. The first ones will not do: a file sorted
    by label begins with one class. Nor will every other one: the labels may take turns."""
    return np.sort(np.random.default_rng(0).permutation(texts)[:count])


def at(tokens: Tokens, places: np.ndarray) -> Tokens:
    """The texts at these places."""
    return Tokens(tokens.table.take(places), tokens.file)
