"""Many comparisons in one table."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def holm(values: Sequence[float | None], comparisons: Sequence[Hashable] | None = None) -> list[float | None]:
    """p-values corrected for being many (Holm 1979), in the same order; None stays None and does not count.

    comparisons: what each value is of. Values of one comparison, such as those of a model in two runtimes, count once,
    with the largest of them.
    """
    from statsmodels.stats.multitest import multipletests

    names: Sequence[Hashable] = range(len(values)) if comparisons is None else comparisons
    largest: dict[Hashable, float] = {}
    for name, value in zip(names, values, strict=True):
        if value is not None and not np.isnan(value):
            largest[name] = max(value, largest.get(name, 0.0))
    corrected = dict(zip(largest, multipletests(list(largest.values()), method="holm")[1], strict=True)) if largest else {}
    return [
        None if value is None or np.isnan(value) else float(corrected[name]) for name, value in zip(names, values, strict=True)
    ]
