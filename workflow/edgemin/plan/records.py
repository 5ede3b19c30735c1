"""Records of results from another day or machine: what a study needs of them, and where it is.

A record is kept in `{record}/{study}/{machine}/`, three files a seed: `seed0.json` (small files, and the lineage of each), `seed0.parquet`
(predictions) and `seed0.csv` (all measured numbers). Results that are compared within a seed must come from one class of machine. So a seed
from another class is taken as a whole or not at all. From this class it is taken folder by folder; missing folders are made here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    if the study has a record. extras: what those read beside it, and can do without."""

    def __init__(
        self,
        plan: Plan,
        needed: Callable[[], Iterable[str]],
        lineage: Callable[[], Lineage],
        extras: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.plan, self._needed, self._lineage, self._extras = plan, needed, lineage, extras
        self._of_seed = re.compile(rf"{re.escape(plan.root)}/\w+/[^/]+/seed(\d+)/")
        """The seed of a file or folder below the study's folder."""

    @cached_property
    def files(self) -> dict[int, list[str]]:
        """Seed -> what is read of it, in the order of paths."""
        return {
            seed: sorted([*files, *filter(self.reads, self.extras[seed])]) if self.extras[seed] else files
            for seed, files in self.needed.items()
        }

    @cached_property
    def needed(self) -> dict[int, list[str]]:
        """Seed -> what the study needs of it, in the order of paths."""
        return self._by_seed(self._needed())

    @cached_property
    def extras(self) -> dict[int, list[str]]:
        """Seed -> what can be read of it."""
        return self._by_seed(self._extras())

    def reads(self, extra: str) -> bool:
        """Whether a file is read that tables can do without. A study that takes nothing from a record makes it. Otherwise it is read if it is there: a
        record from before it was measured has no models to measure it with, and is as good as it was."""
        seed = self._seed(extra)
        if not self.taken or seed is None or str(Path(extra).parent) in self.taken:
            return True
        return self.machine_of(seed) in (None, machine_class()) and Path(extra).is_file()

    def _by_seed(self, files: Iterable[str]) -> dict[int, list[str]]:
        by_seed: dict[int, list[str]] = {seed: [] for seed in self.plan.study.seeds}
        for file in sorted(set(files)):
            if (seed := self._seed(file)) is not None:
                by_seed[seed].append(file)
        return by_seed

    @cached_property
    def lineage(self) -> Lineage:
        return self._lineage()

    def made_by(self, seed: int) -> dict[str, str]:
        """Name of each file of a seed -> digest of its lineage. Raises EdgeminError if the study needs what no record holds."""
        return self._digests_of(self.files[seed])

    def _digests_of(self, files: Sequence[str]) -> dict[str, str]:
        for file in files:
            if not file.endswith(KEPT):
                raise EdgeminError(
                    f"record: {file} is no measurement, so a record cannot hold it; leave `record` out of this study"
                )
        return {self.plan.paths.below(file): self.lineage.digest(file) for file in files}

    @cached_property
    def taken(self) -> dict[str, str]:
        """Folder of measurements or of a model -> class of the machine whose record it is taken from. These folders are missing here and were made
        by the same jobs."""
        return dict(one for seed in self.plan.study.seeds for one in self._from_records(seed)) if self.plan.study.record else {}

    def _from_records(self, seed: int) -> Iterator[tuple[str, str]]:
        """This class of machine first."""
        files = _folders(self.needed[seed])
        missing = {folder for folder, those in files.items() if not all(Path(file).exists() for file in those)}
        kept = Path(self.folder).glob(f"*/seed{seed}.json") if missing else []
        for record in sorted(kept, key=lambda file: (file.parent.name != machine_class(), file)):
            machine, known = record.parent.name, _digests(record)
            held = self._held_by(known, files)
            if usable := held & missing if machine == machine_class() else held if held == set(files) else set():
                beside = [file for file in self.extras[seed] if machine != machine_class() or not Path(file).exists()]
                yield from ((folder, machine) for folder in sorted(usable | self._held_by(known, _folders(beside))))
                return

    def _held_by(self, known: Mapping[str, str], folders: Mapping[str, list[str]]) -> set[str]:
        """Folders of which a record has all files. known: its digests, by their names."""
        wanted = self._digests_of([file for files in folders.values() for file in files])
        below = self.plan.paths.below
        return {folder for folder, files in folders.items() if all(known.get(below(one)) == wanted[below(one)] for one in files)}

    @property
    def folder(self) -> str:
        """The folder of this study's record, with a subfolder for each class of machine."""
        return f"{self.plan.study.record}/{self.plan.study.study}"

    def packed(self, machine: str, seed: int) -> dict[str, str]:
        """The files of a seed's record."""
        return {form: f"{self.folder}/{machine}/seed{seed}.{form}" for form in PACKED}

    def machine_of(self, seed: int) -> str | None:
        """The class of machine whose record a seed uses; None if it uses none."""
        return next((self.taken[folder] for folder in _folders(self.needed[seed]) if folder in self.taken), None)

    def whole(self, seed: int) -> bool:
        """Whether all folders of the seed are taken from a record."""
        return all(folder in self.taken for folder in _folders(self.files[seed]))

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


def _folders(files: Iterable[str]) -> dict[str, list[str]]:
    """Folder -> its files."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(str(Path(file).parent), []).append(file)
    return folders


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


def extras_of(jobs: Iterable[Any]) -> list[str]:
    """Likewise, what they read where it is there."""
    return [file for job in jobs for file in listed(job.extras())]
