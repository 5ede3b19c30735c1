"""The table of pruning: what was cut, by which score, and what that cost and bought, against a model of the same block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.report import markup
from edgemin.report.adjust import adjusted, said
from edgemin.report.blocks import compared

NOTE = (
    "Test split, 95 % intervals by a bootstrap crossed over seeds and examples. A change is paired with the first row of its block. "
    "Cut: share of the heads, neurons or weights that the last prune stage took, or how many layers; with learned masks the share "
    "of the weights and biases of attention and FFN, or of all parameters, if the variant says so; by: the criterion; recovered: "
    "whether it trained on after the cut (a cut of 0 % is the control that trained as long without one). Faster: paired ratio "
    "against the chain's parent (of two cuts without a recovery in between, the model before both), measured in the same job, single "
    "stream, batch 1; where single weights are zero nothing is "
    "faster, because dense kernels multiply zeros like other numbers: only the compressed files shrink. MB = 10^6 bytes."
)


def pruning(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, block and cell, numbers unrounded. table: the plan's `pruning()`."""
    if not table["blocks"]:
        raise EdgeminError("tables.pruning: the study has none; add a reference and cells (config/README.md)")
    cells = (one for block in table["blocks"] for one in compared(block))
    return adjusted(pd.DataFrame([{**one.row, **_reached(one.cell["seeds"])} for one in cells]))


def _reached(seeds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean sparsity that learned masks came to, in CoFi's accounting and in that of all parameters."""
    found = [read_json(seed["history"])["masks"] for seed in seeds if seed["history"]]
    names = ("sparsity_prunable", "sparsity_model") if found else ()
    return {name: float(np.mean([masks[name] for masks in found])) for name in names}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    columns = markup.task_column(table)
    columns |= {
        "cell": table["cell"],
        "structure": table["structure"].fillna(markup.MISSING),
        "cut": _cut(table),
        "by": table["criterion"].fillna(markup.MISSING),
        "recovered": table["recovered"].map({True: "yes", False: ""}).fillna(markup.MISSING),
        **markup.judged(table),
        "logical M": markup.millions(table["logical"]),
        "nonzero M": markup.millions(table["nonzero"]),
        "MB": markup.millions(table["bytes"]),
        "compressed MB": markup.millions(table["compressed"]),
        "p50 ms": markup.intervals(table, "p50", 1, 2),
        "faster than parent": markup.intervals(table, "speedup_over_parent", 1, 2, unit="×"),
    }
    return pd.DataFrame(columns)


def _cut(table: pd.DataFrame) -> pd.Series:
    """What was asked for; with learned masks also what was reached."""
    cut = table["cut"].fillna(markup.MISSING)
    if "sparsity_prunable" not in table:
        return cut
    learned = table["sparsity_prunable"].notna()
    told = (
        cut
        + " ("
        + (table["sparsity_prunable"] * 100).map("{:.1f}".format)
        + " reached; of all parameters "
        + (table["sparsity_model"] * 100).map("{:.1f}".format)
        + ")"
    )
    return cut.where(~learned, told)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write pruning.csv (unrounded), .md and .tex to the folder."""
    table = pruning(spec)
    note = f"{NOTE} Runtime: {spec['runtime']}; {spec['threads']} inference thread(s). {said(table)}"
    markup.write_forms(folder, "pruning", table, shown(table), f"Pruning: {spec['study']}", note)
