"""Jobs that put a finished seed on record, and take one from there. One rule for each seed."""

from __future__ import annotations

from typing import Any

from edgemin.core.machine import machine_class
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records
from edgemin.study import rows


class RecordSeed(Job):
    """What the study needs of a seed that is measured here, packed into the files of its record."""

    timed = False

    def __init__(self, plan: Plan, records: Records, seed: int) -> None:
        super().__init__(plan)
        self.records, self.seed = records, seed
        self.rule, self.place = f"record_seed_{seed}", f"record/{machine_class()}/seed{seed}"

    @property
    def script(self) -> str:
        return "record_seed"

    @property
    def outputs(self) -> dict[str, str]:
        return self.records.packed(machine_class(), self.seed)

    def inputs(self, at: Any) -> Inputs:
        return {"measured": self.records.files[self.seed]}

    def about(self, at: Any) -> dict[str, Any]:
        kept = [row for row in rows.result_rows(self.plan) if row["seed"] == self.seed]
        return {
            **{"root": self.plan.root, "machine": machine_class(), "rows": kept},
            "made_by": self.records.digests(self.seed),
        }


class TakeSeed(Job):
    """The files of a seed, unpacked from its record."""

    timed = False

    def __init__(self, plan: Plan, records: Records, seed: int) -> None:
        super().__init__(plan)
        self.records, self.seed, self.machine = records, seed, records.taken[seed]
        self.rule, self.place = f"take_seed_{seed}", f"record/{self.machine}/seed{seed}"

    @property
    def script(self) -> str:
        return "take_seed"

    @property
    def outputs(self) -> list[str]:
        return self.records.unpacked(self.seed)

    def inputs(self, at: Any) -> Inputs:
        packed = self.records.packed(self.machine, self.seed)
        return {"record": packed["json"], "predictions": packed["parquet"]}

    def about(self, at: Any) -> dict[str, Any]:
        root = f"{self.plan.root}/"
        files = zip(self.records.files[self.seed], self.outputs, strict=True)
        return {"files": {file.removeprefix(root): unpacked for file, unpacked in files}}
