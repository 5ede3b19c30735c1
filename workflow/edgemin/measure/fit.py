"""From times of whole models to times of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from edgemin.methods.prune.times import Curve

Shape = tuple[int, int]
"""Heads and neurons of every layer of a model; all layers alike."""


def fit(times: Mapping[Shape, float], layers: int) -> tuple[float, Curve, Curve]:
    """`rest`, and the times of one layer's attention and FFN at every number of units among the models, but 0.

    Least squares of relative errors of t = rest + layers · (attention(heads) + ffn(neurons)). All three are positive, and more units never
    take less time: what is solved for are the steps from one number of units to the next (scipy's `nnls`).
    """
    from scipy.optimize import nnls

    heads, neurons = (sorted({shape[part] for shape in times if shape[part]}) for part in (0, 1))
    measured = np.array(list(times.values()))
    rows = [[1.0, *_steps(heads, h, layers), *_steps(neurons, n, layers)] for h, n in times]
    steps, _ = nnls(np.array(rows) / measured[:, None], np.ones(len(measured)))
    return float(steps[0]), _curve(heads, steps[1 : 1 + len(heads)]), _curve(neurons, steps[1 + len(heads) :])


def _steps(levels: Sequence[int], units: int, layers: int) -> list[float]:
    return [float(layers) if level <= units else 0.0 for level in levels]


def _curve(levels: Sequence[int], steps: np.ndarray) -> Curve:
    return tuple(zip(levels, accumulate(map(float, steps)), strict=True))
