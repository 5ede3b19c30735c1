"""Tables of whole recipes: stages in several orders, left out, added, crossed; each against the first cell of its block."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.chains import Chain
from edgemin.errors import EdgeminError
from edgemin.report import markup
from edgemin.report.adjust import adjusted, said
from edgemin.report.blocks import compared

NOTE = (
    "Test split, 95 % intervals by a bootstrap crossed over seeds and examples. A change is paired with the first row of its block, "
    "and so many times its bytes and its p50 has each row: qualities of recipes are compared fairly where both are 1.00. "
    "Faster: paired ratio against the teacher, measured in the same job, single stream, batch 1. MB = 10^6 bytes of all files "
    "needed to predict."
)
_TITLES = {"orders": "Orders of the stages", "combinations": "Combinations"}


def combinations(table: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task, block and cell, numbers unrounded. table: the reports' `combinations(name)`."""
    if not table["blocks"]:
        raise EdgeminError(f"tables.{table['table']}: the study has none; add a first cell and others (config/README.md)")
    rows = []
    for block in table["blocks"]:
        first: dict[str, Any] = {}
        for one in compared(block):
            first = first or one.row
            ratios = {f"{name}_ratio": one.row[name] / first[name] for name in ("bytes", "p50")}
            rows.append({**one.row, **ratios, "recipe": recipe(one.row["chain"])})
    return adjusted(pd.DataFrame(rows))


def recipe(chain: str) -> str:
    """`distill-logits` and `prune-heads25` of `teacher/distill-logits/prune-heads25`, as people write it."""
    return " → ".join(map(str, Chain.parse(chain).links)) or "the teacher itself"


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    columns = markup.task_column(table)
    columns |= {
        "cell": table["cell"],
        "recipe": table["recipe"],
        **markup.judged(table),
        "logical M": markup.millions(table["logical"]),
        "MB": markup.millions(table["bytes"]),
        "MB of first": markup.numbers(table["bytes_ratio"], 1, 2, "×"),
        "p50 ms": markup.intervals(table, "p50", 1, 2),
        "p50 of first": markup.numbers(table["p50_ratio"], 1, 2, "×"),
        "faster than teacher": markup.intervals(table, "speedup_over_reference", 1, 2, unit="×"),
    }
    return pd.DataFrame(columns)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write {table}.csv (unrounded), {table}.md and {table}.tex to the folder."""
    table = combinations(spec)
    note = f"{NOTE} Runtime: {spec['runtime']}; {spec['threads']} inference thread(s). {said(table)}"
    markup.write_forms(folder, spec["table"], table, shown(table), f"{_TITLES[spec['table']]}: {spec['study']}", note)
