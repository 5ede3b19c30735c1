"""Every point of every sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Every point of every sweep, on validation, without any training after the cut. Cut: the share that was taken; random: the floor. Scoring: "
    "seconds that the scores of the criterion took, once for all points."
)


class SensitivityTable(Table):
    name = "sensitivity"
    title = "Sensitivity"
    caption = (
        "How much can be cut, by which score: every point of every sweep, on validation, without any training after the cut."
    )
    forms = ("csv", "json")

    def declared(self, study: Study) -> bool:
        return bool(study.sensitivity)

    def spec(self, plan: Plan) -> dict[str, Any]:
        return {"study": plan.study.study, "rows": [{"cell": None, "seeds": plan.sweeps()}]}

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        return [row["file"]]

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        import pandas as pd

        from edgemin.core.files import read_json
        from edgemin.report.forms import write_table

        rows: list[dict[str, Any]] = []
        for sweep in spec["rows"][0]["seeds"]:
            result = read_json(sweep["file"])
            common = {"task": sweep["task"], "seed": sweep["seed"]}
            common |= {name: result[name] for name in ("structure", "criterion", "metric", "scoring_seconds")}
            rows += [{**common, **point} for point in result["points"]]
        if not rows:
            raise EdgeminError("sensitivity: the study has no such key; add it, with the cell to cut (config/README.md)")
        table = pd.DataFrame(rows)
        write_table(self, spec, folder, table, columns_of(table), NOTE)


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    scale = common_scale(table["metric"])
    return [
        *columns.task(table),
        columns.numbers("seed", table["seed"], columns.WHOLE),
        columns.text("structure", table["structure"]),
        columns.text("criterion", table["criterion"]),
        columns.numbers("cut %", table["ratio"], Format(1, 100)),
        columns.numbers(f"validation {scale.label}", table["value"], scale.value),
        columns.millions("parameters M", table["parameters"]),
        columns.numbers("s", table["seconds"], Format(1)),
        columns.numbers("scoring s", table["scoring_seconds"], Format(1)),
    ]
