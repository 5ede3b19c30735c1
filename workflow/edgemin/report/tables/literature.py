"""Published figures beside ours, clearly apart: other data, other machines, other hours of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.study import registry
from edgemin.study.table import Table, rows_of

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
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
        from edgemin.report.markup import write_forms
        from edgemin.report.statistics.adjust import speaks_of

        found = frame(spec)
        note = f"{NOTE} {speaks_of(max(len(row['seeds']) for row in rows_of(spec)))}"
        write_forms(folder, self.name, found, shown(found), f"{self.title}: {spec['study']}", note)


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
                "task": row["task"],
                "metric": row["metric"],
                "parameters": row["logical"],
            }
            ours.append({**names, **measured, "source": f"measured in {row['runtime']}"})
    return pd.concat([published, pd.DataFrame(ours)], ignore_index=True)


def shown(found: pd.DataFrame) -> dict[str, Any]:
    """The columns that a person reads, as text."""
    from edgemin.report import markup

    ours = found["metric"].notna()
    factor, _, digits = markup.scale_of(found[ours])
    measured = markup.intervals(found, "speedup_over_reference", 1, 2, unit="×")
    return {
        "work": found["work"],
        "parameters M": markup.numbers(found["parameters"], 1e-6, 1),
        "faster": [
            here if own else said if isinstance(said, str) else markup.MISSING
            for here, said, own in zip(measured, found["faster"], ours, strict=True)
        ],
        "SST-2 %": markup.numbers(found["sst2"], 1, 1),
        "MNLI-m %": markup.numbers(found["mnli"], 1, 1),
        "this study's task": [
            f"{text} ({metric}, {task})" if own else markup.MISSING
            for text, metric, task, own in zip(
                markup.intervals(found, "quality", factor, digits), found["metric"], found["task"], ours, strict=True
            )
        ],
        "source": found["source"],
    }
