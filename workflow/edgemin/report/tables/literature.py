"""Published figures beside ours, clearly apart: other data, other machines, other hours of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study import registry
from edgemin.study.floor import is_baseline
from edgemin.study.table import Table, rows_of, seeds_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "The rows above are published figures (GLUE development sets) as their sources have them: speed-ups are the claims there, "
    "mostly of GPUs with large batches. The rows marked 'this study' were measured here, on a CPU with batch 1, on this study's task "
    "and its test split with 95 % intervals. Nothing can be read off a comparison between the two, but the size of the steps within each."
)


class Literature(Table):
    name = "literature"
    title = "Beside the literature"
    caption = (
        "Published figures, and below them this study's own. Different data, machines and batches: read the steps within each, "
        "not across."
    )
    anyway = True

    def declared(self, study: Study) -> bool:
        return True

    def spec(self, plan: Plan) -> dict[str, Any]:
        """The cells of the stage-wise table in its first runtime."""
        stagewise: dict[str, Any] = registry.TABLES["stagewise"].spec(plan)
        runtime = stagewise["blocks"][0]["rows"][0]["about"]["runtime"]
        return {**stagewise, "blocks": [one for one in stagewise["blocks"] if one["rows"][0]["about"]["runtime"] == runtime]}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.forms import write_table
        from edgemin.report.measured import BASELINES
        from edgemin.report.statistics.adjust import seeds_note

        table = frame(spec)
        note = f"{NOTE} {seeds_note(max(len(row['seeds']) for row in rows_of(spec)))}"
        if any(is_baseline(seed["chain"]) for seed in seeds_of(spec)):
            note = f"{note} {BASELINES}"
        write_table(self, spec, folder, table, columns_of(table), note)


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """Published rows, then one per task and cell."""
    import pandas as pd

    from edgemin.report.blocks import compared
    from edgemin.report.published import PUBLISHED

    published = pd.DataFrame(PUBLISHED)
    published["parameters"] *= 1e6
    ours = []
    for block in spec["blocks"]:
        for one in compared(block, stepwise=True):
            row = one.row
            measured = {
                f"{name}{end}": row.get(f"{name}{end}")
                for name in ("quality", "speedup_over_reference")
                for end in ("", "_low", "_high")
            }
            names = {
                "work": f"this study: {row['cell']}",
                "cell": row["cell"],
                "task": row["task"],
                "metric": row["metric"],
                "parameters": row["logical"],
            }
            ours.append({**names, **measured, "source": f"measured in {row['runtime']}"})
    return pd.concat([published, pd.DataFrame(ours)], ignore_index=True)


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    ours = table["metric"].notna()
    quality = columns.intervals("this study's task", table, "quality", common_scale(table.loc[ours, "metric"]).value)
    named = [f" ({metric}, {task})" for metric, task in zip(table["metric"], table["task"], strict=True)]
    return [
        replace(columns.text("work", table["work"]), names=list(table["cell"].notna())),
        columns.numbers("parameters M", table["parameters"], Format(1, 1e-6)),
        _faster(table),
        columns.numbers("SST-2 %", table["sst2"], Format(1)),
        columns.numbers("MNLI-m %", table["mnli"], Format(1)),
        replace(quality, after=named),
        columns.text("source", table["source"]),
    ]


def _faster(table: pd.DataFrame) -> Column:
    """Measured here with its interval; published with as many decimals as there, `2.7×`."""
    from edgemin.report import columns
    from edgemin.report.number import Format

    measured = columns.intervals("faster", table, "speedup_over_reference", columns.TIMES)
    values, forms = list(measured.values), [columns.TIMES] * len(table)
    for row, text in enumerate(table["faster"]):
        if isinstance(text, str):
            values[row] = float(text.removesuffix("×"))
            forms[row] = Format(len(text.removesuffix("×").partition(".")[2]), unit="×")
    return replace(measured, values=values, format=forms)
