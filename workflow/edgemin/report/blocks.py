"""Tables in blocks: a cell, and others that are compared with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edgemin.report.collect import collect
from edgemin.report.stagewise import interval_columns, latencies_of, logits_of, sizes_of
from edgemin.report.statistics import difference, quality, scorer


@dataclass(frozen=True)
class Compared:
    """A cell of a block."""

    row: dict[str, Any]
    """Names, quality with its change against the block's first cell, sizes and latencies, unrounded."""
    cell: Mapping[str, Any]
    """As the plan gives it."""
    logits: np.ndarray
    """(seeds, examples, classes) on the test split."""
    results: pd.DataFrame
    """All that was measured, long."""


def compared(block: Mapping[str, Any]) -> Iterator[Compared]:
    """The cells of a block of the plan, in order. block: `task`, `metric`, `rows`: [{cell, about, seeds}]."""
    score, against = scorer(block["metric"]), None
    for cell in block["rows"]:
        labels, logits = logits_of([seed["folder"] for seed in cell["seeds"]])
        row = {
            "task": block["task"],
            "reference": block["rows"][0]["cell"],
            "cell": cell["cell"],
            "chain": cell["seeds"][0]["chain"],
            **cell["about"],
            "metric": block["metric"],
            "seeds": len(logits),
            **interval_columns("quality", quality(score, labels, logits)),
        }
        if against is None:
            against = logits
        else:
            row.update(interval_columns("quality_change", difference(score, labels, logits, against)))
        results = collect(cell["seeds"])
        yield Compared({**row, **sizes_of(results), **latencies_of(results)}, cell, logits, results)
