"""Every point of every sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.table import Table

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class SensitivityTable(Table):
    name = "sensitivity"
    title = "Sensitivity"
    caption = (
        "How much can be cut, by which score: every point of every sweep, on validation, without any training after the cut."
    )
    forms = ("csv",)

    def declared(self, study: Study) -> bool:
        return bool(study.sensitivity)

    def spec(self, plan: Plan) -> dict[str, Any]:
        return {"study": plan.study.study, "rows": [{"cell": None, "seeds": plan.sweeps()}]}

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        return [row["file"]]

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        import pandas as pd

        from edgemin.core.files import read_json
        from edgemin.report.collect import write

        rows: list[dict[str, Any]] = []
        for sweep in spec["rows"][0]["seeds"]:
            found = read_json(sweep["file"])
            common = {"task": sweep["task"], "seed": sweep["seed"]}
            common |= {name: found[name] for name in ("structure", "criterion", "metric", "scoring_seconds")}
            rows += [{**common, **point} for point in found["points"]]
        if not rows:
            raise EdgeminError("sensitivity: the study has no such key; add it, with the cell to cut (config/README.md)")
        write(pd.DataFrame(rows), folder / "sensitivity.csv")
