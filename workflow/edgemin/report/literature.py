"""Published figures beside ours, clearly apart: other data, other machines, other hours of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.report import markup
from edgemin.report.blocks import compared
from edgemin.report.published import PUBLISHED

NOTE = (
    "The rows above are published figures (GLUE development sets) as their sources have them: speed-ups are the claims there, "
    "mostly of GPUs with large batches. The rows marked 'this study' were measured here, on a CPU with batch 1, on this study's task "
    "and its test split with 95 % intervals. Nothing can be read off a comparison between the two, but the size of the steps within each."
)


def literature(table: Mapping[str, Any]) -> pd.DataFrame:
    """Published rows, then one per task and cell. table: the reports' `literature()`."""
    published = pd.DataFrame(PUBLISHED)
    published["parameters"] *= 1e6
    ours = []
    for block in table["blocks"]:
        for one in compared(block, stepwise=True):
            row = one.row
            names = {
                "work": f"this study: {row['cell']}",
                "task": row["task"],
                "metric": row["metric"],
                "parameters": row["logical"],
            }
            measured = {
                f"{name}{end}": row.get(f"{name}{end}")
                for name in ("quality", "speedup_over_reference")
                for end in ("", "_low", "_high")
            }
            ours.append({**names, **measured, "source": f"measured in {row['runtime']}"})
    return pd.concat([published, pd.DataFrame(ours)], ignore_index=True)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, as text."""
    ours = table["metric"].notna()
    factor, _, digits = markup.scale_of(table[ours])
    measured = markup.intervals(table, "speedup_over_reference", 1, 2, unit="×")
    columns = {
        "work": table["work"],
        "parameters M": markup.numbers(table["parameters"], 1e-6, 1),
        "faster": [
            here if own else said or markup.MISSING for here, said, own in zip(measured, table["faster"], ours, strict=True)
        ],
        "SST-2 %": markup.numbers(table["sst2"], 1, 1),
        "MNLI-m %": markup.numbers(table["mnli"], 1, 1),
        "this study's task": [
            f"{text} ({metric}, {task})" if own else markup.MISSING
            for text, metric, task, own in zip(
                markup.intervals(table, "quality", factor, digits), table["metric"], table["task"], ours, strict=True
            )
        ],
        "source": table["source"],
    }
    return pd.DataFrame(columns)


def write_tables(spec: Mapping[str, Any], folder: Path) -> None:
    """Write literature.csv, .md and .tex to the folder."""
    table = literature(spec)
    markup.write_forms(folder, "literature", table, shown(table), f"Beside the literature: {spec['study']}", NOTE)
