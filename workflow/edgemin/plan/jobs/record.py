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
    """What the study needs of a seed, packed into the files of its record."""

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
    """The files of a seed that are on record, unpacked. The record is no input, since `RecordSeed` may add to it: what is wanted of it is said by
    digests."""

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
    """Of a study with the key `record`: seeds that this machine makes, in full or in part; seeds of which something is taken."""
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
