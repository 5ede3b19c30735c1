"""Jobs that put a finished seed on record, and take one from there. One rule for each seed."""

from __future__ import annotations

from typing import Any

from edgemin.core.machine import machine_class
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records
from edgemin.study import rows


class OfSeed(Job):
    """On the record of one seed."""

    timed = False

    def __init__(self, plan: Plan, records: Records, seed: int, machine: str) -> None:
        super().__init__(plan)
        self.records, self.seed, self.machine = records, seed, machine
        self.place = f"record/{machine}/{self.script}{seed}"
        self.rule = f"{self.script}_{seed}"


class RecordSeed(OfSeed):
    """Pack the files that the study needs of a seed into its record."""

    @property
    def script(self) -> str:
        return "record_seed"

    @property
    def outputs(self) -> dict[str, str]:
        return self.records.packed(self.machine, self.seed)

    def inputs(self, at: Any) -> Inputs:
        return {"measured": self.records.placed(self.records.files[self.seed])}

    def about(self, at: Any) -> dict[str, Any]:
        records = self.records
        kept = [row for row in rows.result_rows(self.plan) if row["seed"] == self.seed]
        files = {self.paths.below(file): records.placed(file) for file in records.files[self.seed]}
        return {"machine": self.machine, "files": files, "rows": records.placed(kept), "made_by": records.made_by(self.seed)}


class TakeSeed(OfSeed):
    """Unpack the files of a seed from the record. The record is not an input, because `RecordSeed` may add to it. Digests identify the
    needed files."""

    @property
    def script(self) -> str:
        return "take_seed"

    @property
    def outputs(self) -> list[str]:
        return [self.records.placed(file) for file in self._files()]

    def _files(self) -> list[str]:
        return [file for file in self.records.files[self.seed] if self.records.placed(file) != file]

    def inputs(self, at: Any) -> Inputs:
        return {}

    def about(self, at: Any) -> dict[str, Any]:
        records, made_by = self.records, self.records.made_by(self.seed)
        names = {self.paths.below(file): records.placed(file) for file in self._files()}
        packed = records.packed(self.machine, self.seed)
        return {
            "record": packed["json"],
            "predictions": packed["parquet"],
            "files": names,
            "made_by": {n: made_by[n] for n in names},
        }


def jobs_of(plan: Plan, records: Records) -> tuple[dict[int, RecordSeed], dict[int, TakeSeed]]:
    """For a study with the key `record`: seeds that this machine computes, in full or in part, and seeds with files from the record."""
    if not plan.study.record:
        return {}, {}
    here = machine_class()
    from_where = {seed: records.machine_of(seed) for seed in plan.study.seeds}
    made = [seed for seed, machine in from_where.items() if machine in (None, here) and not (machine and records.whole(seed))]
    taken = {seed: machine for seed, machine in from_where.items() if machine}
    return (
        {seed: RecordSeed(plan, records, seed, here) for seed in made},
        {seed: TakeSeed(plan, records, seed, machine) for seed, machine in taken.items()},
    )
