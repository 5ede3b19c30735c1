"""Seeds that were measured on another day or machine, and are on record: what a study needs of them, and where that is.

A record is kept in `{record}/{study}/{machine}/`, three files a seed: `seed0.json` (small files, and what each was made by), `seed0.parquet`
(predictions) and `seed0.csv` (all measured numbers). A seed is taken from it as a whole or not at all: its cells are compared with
each other, and those of two machines would differ by the machine too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.machine import machine_class
from edgemin.plan.lineage import Lineage, listed
from edgemin.plan.plan import Plan

PACKED = ("json", "csv", "parquet")
"""Forms of the files that make up the record of a seed."""
KEPT = (".json", ".parquet")
"""What a record can hold; models are not among it."""


class Records:
    """Of one study. needed: every file that its page reads, and tables and plots that are made by default. lineage: asked for once, and only if the study has a record."""

    def __init__(self, plan: Plan, needed: Callable[[], Iterable[str]], lineage: Callable[[], Lineage]) -> None:
        self.plan, self._needed, self._lineage = plan, needed, lineage
        self._of_seed = re.compile(rf"{re.escape(plan.root)}/\w+/[^/]+/seed(\d+)/")
        """Of a file or folder below the study's, the seed that it belongs to."""

    @property
    def folder(self) -> str:
        """Of this study's record, a folder below for each class of machine."""
        return f"{self.plan.study.record}/{self.plan.study.study}"

    @cached_property
    def files(self) -> dict[int, list[str]]:
        """Seed -> what the study needs of it, in the order of paths."""
        found: dict[int, list[str]] = {seed: [] for seed in self.plan.study.seeds}
        for file in sorted(set(self._needed())):
            if (seed := self._seed(file)) is not None:
                found[seed].append(file)
        return found

    def digests(self, seed: int) -> dict[str, str]:
        """File below the study's folder -> what it is made by. Raises EdgeminError if the study needs what no record holds."""
        lineage = self.lineage
        for file in self.files[seed]:
            if not file.endswith(KEPT):
                raise EdgeminError(
                    f"record: {file} is no measurement, so a record cannot hold it; leave `record` out of this study"
                )
        return {file.removeprefix(f"{self.plan.root}/"): lineage.digest(file) for file in self.files[seed]}

    @cached_property
    def lineage(self) -> Lineage:
        return self._lineage()

    @cached_property
    def taken(self) -> dict[int, str]:
        """Seed -> class of the machine whose record of it is taken: for seeds that are not measured here, and were by the same jobs."""
        if self.plan.study.record is None:
            return {}
        found = {
            seed: self._machine(seed) for seed, files in self.files.items() if not all(Path(file).exists() for file in files)
        }
        return {seed: machine for seed, machine in found.items() if machine}

    def _machine(self, seed: int) -> str | None:
        """This class of machine first."""
        files = sorted(Path(self.folder).glob(f"*/seed{seed}.json"), key=lambda file: (file.parent.name != machine_class(), file))
        if not files:
            return None
        wanted = self.digests(seed).items()
        return next((file.parent.name for file in files if wanted <= read_json(file)["made_by"].items()), None)

    def packed(self, machine: str, seed: int | str) -> dict[str, str]:
        """The files of a seed's record."""
        return {form: f"{self.folder}/{machine}/seed{seed}.{form}" for form in PACKED}

    def unpacked(self, seed: int) -> list[str]:
        """What a seed that is taken becomes."""
        return [self.placed(file) for file in self.files[seed]]

    def hold(self, files: Any) -> bool:
        """Whether everything that these groups of files have of a seed is what records hold of it."""
        return not self.taken or {file for file in listed(files) if self._seed(file) is not None} <= self._held

    @cached_property
    def _held(self) -> set[str]:
        return {file for files in self.files.values() for file in files}

    def placed(self, value: Any) -> Any:
        """Files, folders, or a spec that names some: those of seeds that are taken, where they are unpacked."""
        if isinstance(value, dict):
            return {name: self.placed(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.placed(one) for one in value]
        if isinstance(value, str) and (seed := self._seed(f"{value}/")) in self.taken:
            root = self.plan.root
            return f"{root}/record/{self.taken[seed]}{value.removeprefix(root)}"
        return value

    def _seed(self, path: str) -> int | None:
        found = self._of_seed.match(path)
        return int(found[1]) if found else None


def needed_of(jobs: Iterable[Any]) -> list[str]:
    """What jobs read, as they say it before any seed is taken from a record."""
    return [file for job in jobs for file in listed(job.read())]
