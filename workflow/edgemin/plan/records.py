"""Records of results from another day or machine: what a study needs of them, and where it is.

A record is kept in `{record}/{study}/{machine}/`, three files a seed: `seed0.json` (small files, and the lineage of each), `seed0.parquet`
(predictions) and `seed0.csv` (all measured numbers). Results that are compared within a seed must come from one class of machine. So a seed
from another class is taken as a whole or not at all. From this class it is taken folder by folder; missing folders are made here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
"""File types that a record can hold; models are not included."""


class Records:
    """Of one study. needed: every file that its page reads, and tables and plots that are made by default. lineage: asked for once, and only
    if the study has a record."""

    def __init__(self, plan: Plan, needed: Callable[[], Iterable[str]], lineage: Callable[[], Lineage]) -> None:
        self.plan, self._needed, self._lineage = plan, needed, lineage
        self._of_seed = re.compile(rf"{re.escape(plan.root)}/\w+/[^/]+/seed(\d+)/")
        """The seed of a file or folder below the study's folder."""

    @cached_property
    def files(self) -> dict[int, list[str]]:
        """Seed -> what the study needs of it, in the order of paths."""
        files: dict[int, list[str]] = {seed: [] for seed in self.plan.study.seeds}
        for file in sorted(set(self._needed())):
            if (seed := self._seed(file)) is not None:
                files[seed].append(file)
        return files

    @cached_property
    def lineage(self) -> Lineage:
        return self._lineage()

    def made_by(self, seed: int) -> dict[str, str]:
        """Name of each file of a seed -> digest of its lineage. Raises EdgeminError if the study needs what no record holds."""
        for file in self.files[seed]:
            if not file.endswith(KEPT):
                raise EdgeminError(
                    f"record: {file} is no measurement, so a record cannot hold it; leave `record` out of this study"
                )
        return {self.plan.paths.below(file): self.lineage.digest(file) for file in self.files[seed]}

    @cached_property
    def taken(self) -> dict[str, str]:
        """Folder of measurements or of a model -> class of the machine whose record it is taken from. These folders are missing here and were made
        by the same jobs."""
        return dict(one for seed in self.plan.study.seeds for one in self._from_records(seed)) if self.plan.study.record else {}

    def _from_records(self, seed: int) -> Iterator[tuple[str, str]]:
        """This class of machine first."""
        files = self._folders(seed)
        missing = {folder for folder, those in files.items() if not all(Path(file).exists() for file in those)}
        kept = Path(self.folder).glob(f"*/seed{seed}.json") if missing else []
        for record in sorted(kept, key=lambda file: (file.parent.name != machine_class(), file)):
            machine, known, wanted = record.parent.name, _digests(record), self.made_by(seed)
            held = {
                folder
                for folder, those in files.items()
                if all(known.get(self.plan.paths.below(file)) == wanted[self.plan.paths.below(file)] for file in those)
            }
            if usable := held & missing if machine == machine_class() else held if held == set(files) else set():
                yield from ((folder, machine) for folder in sorted(usable))
                return

    @property
    def folder(self) -> str:
        """The folder of this study's record, with a subfolder for each class of machine."""
        return f"{self.plan.study.record}/{self.plan.study.study}"

    def packed(self, machine: str, seed: int) -> dict[str, str]:
        """The files of a seed's record."""
        return {form: f"{self.folder}/{machine}/seed{seed}.{form}" for form in PACKED}

    def machine_of(self, seed: int) -> str | None:
        """The class of machine whose record a seed uses; None if it uses none."""
        return next((self.taken[folder] for folder in self._folders(seed) if folder in self.taken), None)

    def whole(self, seed: int) -> bool:
        """Whether all folders of the seed are taken from a record."""
        return all(folder in self.taken for folder in self._folders(seed))

    def _folders(self, seed: int) -> dict[str, list[str]]:
        """Folder -> what is needed of it."""
        folders: dict[str, list[str]] = {}
        for file in self.files[seed]:
            folders.setdefault(str(Path(file).parent), []).append(file)
        return folders

    def for_reading(self, value: Any, files: Any) -> Any:
        """`placed`, for who reads these groups of files; unchanged if one of them is on no record, since results of one seed must come from one place."""
        return self.placed(value) if self.hold(files) else value

    def hold(self, files: Any) -> bool:
        """Whether everything that these groups of files have of a seed is what records can hold of it."""
        return not self.taken or {file for file in listed(files) if self._seed(file) is not None} <= self._held

    @cached_property
    def _held(self) -> set[str]:
        return {file for files in self.files.values() for file in files}

    def placed(self, value: Any) -> Any:
        """Files, folders, or a spec that names some: what is taken from a record, where it is unpacked."""
        if isinstance(value, dict):
            return {name: self.placed(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.placed(one) for one in value]
        if isinstance(value, str) and (machine := self.taken.get(value) or self.taken.get(value.rpartition("/")[0])):
            return f"{self.plan.root}/record/{machine}/{self.plan.paths.below(value)}"
        return value

    def _seed(self, path: str) -> int | None:
        match = self._of_seed.match(path)
        return int(match[1]) if match else None


def _digests(record: Path) -> dict[str, str]:
    remedy = "restore it from version control, or delete it and the files beside it"
    record_contents = read_json(record, remedy)
    digests = record_contents.get("made_by") if isinstance(record_contents, dict) else None
    if not isinstance(digests, dict):
        raise EdgeminError(f"{record}: not the record of a seed; {remedy}")
    return digests


def needed_of(jobs: Iterable[Any]) -> list[str]:
    """The inputs of jobs, before any is replaced by a file of a record."""
    return [file for job in jobs for file in listed(job.read())]
