"""Check a results tree against its recorded digests: which files are damaged, missing or foreign, and how to make them again.

Reads files alone; needs neither torch nor Snakemake.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256
from edgemin.core.messages import line
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.core.recorded import FOLDER, digest_file, recorded
from edgemin.data.sources.archives import fetched
from edgemin.plan.paths import DOWNLOADS
from edgemin.plan.plan import Plan
from edgemin.study.pins import Pin
from edgemin.study.read import read_study

NOT_KEPT = ("logs", "benchmarks", "scratch", "record", FOLDER)
"""Folders of a study that hold no results of its own."""


@dataclass(frozen=True)
class Problem:
    file: Path
    what: str
    rebuilt_by: Path | None
    """The file that Snakemake has to make again. None: no job made it, so it is only deleted."""


class Tree:
    """The files of one study on disk. Every file is read once."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.root = plan, Path(plan.root)
        self._digests: dict[Path, str] = {}
        self.files = [file for file in sorted(self.root.rglob("*")) if file.is_file() and _kept(file.relative_to(self.root))]
        """Results, in the order of their paths."""

    def digest(self, file: Path) -> str:
        if file not in self._digests:
            self._digests[file] = sha256(file)
        return self._digests[file]

    def problems(self) -> list[Problem]:
        """One per file: the first thing that is wrong with it."""
        first: dict[Path, Problem] = {}
        for problem in (*self._downloads(), *self._recorded(), *self._folders()):
            first.setdefault(problem.file, problem)
        for problem in self._outdated(damaged=set(first)):
            first.setdefault(problem.file, problem)
        return list(first.values())

    def unrecorded(self) -> list[Path]:
        """Files without a recorded digest: older than digests, or made by hand."""
        listed = {
            folder / name for folder, record, _ in self._provenances() for name in (*_listed(record), NAME, EXPORT_PROVENANCE)
        }
        return [file for file in self.files if file not in listed and not _digest_of(file).is_file()]

    # -- what is compared ----------------------------------------------------------------------------------------------

    def _downloads(self) -> Iterator[Problem]:
        for pin in self.plan.pins.values():
            folder = Path(DOWNLOADS, pin.name)
            if folder.is_dir() and (problem := _wrong_download(pin, folder)):
                yield Problem(folder, problem, folder)

    def _recorded(self) -> Iterator[Problem]:
        for file in sorted((self.root / FOLDER).rglob("*.sha256")):
            made = self.root / file.relative_to(self.root / FOLDER).with_suffix("")
            signal = made.suffix == ".safetensors" and made.relative_to(self.root).parts[0] == "caches"
            again = made.with_suffix(".json") if signal else made  # the manifest of a cache brings its signal
            entry = recorded(file)
            if entry is None:
                yield Problem(file, "not a digest file", again)
            elif not made.is_file():
                if not signal:  # which go when a run has ended well
                    yield Problem(made, "missing", again)
            elif self.digest(made) != entry[1]:
                yield Problem(made, _differs(made), again)

    def _folders(self) -> Iterator[Problem]:
        """Model folders and encoders, by their own provenance."""
        known: dict[Path, set[str]] = {}
        for folder, record, name in self._provenances():
            if record is None:
                yield Problem(folder / name, "not a provenance file", folder / name)
                continue
            known.setdefault(folder, {NAME, EXPORT_PROVENANCE}).update(_listed(record))
            for file, digest in _listed(record).items():
                if not (folder / file).is_file():
                    yield Problem(folder / file, "missing", folder / file)
                elif self.digest(folder / file) != digest:
                    yield Problem(folder / file, _differs(folder / file), folder / file)
        for file in self.files:
            if file.parent in known and file.name not in known[file.parent] and not _digest_of(file).is_file():
                yield Problem(file, "foreign: no job made it", None)

    def _outdated(self, damaged: set[Path]) -> Iterator[Problem]:
        """Models whose parents are whole, and not those that they were made from."""
        whole = set(self.files) - damaged
        for folder, record, name in self._provenances():
            for parent, digest in (record or {}).get("parents", {}).items():
                if Path(parent) in whole and self.digest(Path(parent)) != digest:
                    yield Problem(folder / name, f"was made from another {parent}", folder / name)
                    break

    def _provenances(self) -> Iterator[tuple[Path, dict[str, Any] | None, str]]:
        """(folder, content or None if it is damaged, name) of every provenance file."""
        for file in self.files:
            if file.name in (NAME, EXPORT_PROVENANCE):
                try:
                    record = read_json(file)
                except EdgeminError:
                    record = None
                whole = (
                    isinstance(record, dict)
                    and isinstance(record.get("sha256"), dict)
                    and isinstance(record.get("parents", {}), dict)
                )
                yield file.parent, record if whole else None, file.name


def _kept(path: Path) -> bool:
    return path.parts[0] not in NOT_KEPT and not any(part.startswith(".") for part in path.parts)


def _listed(record: dict[str, Any] | None) -> dict[str, str]:
    return record["sha256"] if record else {}


def _digest_of(file: Path) -> Path:
    digest = digest_file(file)
    assert digest is not None, file
    return digest


def _differs(file: Path) -> str:
    return "empty" if not file.stat().st_size else "its sha256 is not the recorded one: truncated, corrupted or replaced"


def _wrong_download(pin: Pin, folder: Path) -> str | None:
    try:
        if pin.file:
            fetched(folder, pin.file.sha256)
        elif (folder / NAME).is_file():
            check_provenance(folder)
    except EdgeminError as error:
        return str(error).split(": ", 1)[-1].split(";")[0]
    return None


def command(problems: Sequence[Problem], study: str) -> str:
    """One line for a shell that deletes what is foreign and makes anew what is damaged, and no more.

    What was made from it follows at the next ordinary run, as far as it comes out different.
    """
    foreign = [shlex.quote(str(problem.file)) for problem in problems if problem.rebuilt_by is None]
    again = list(dict.fromkeys(shlex.quote(str(problem.rebuilt_by)) for problem in problems if problem.rebuilt_by))
    parts = [f"rm -f -- {' '.join(foreign)}"] if foreign else []
    if again:
        parts.append(f"snakemake --cores all --configfile {shlex.quote(study)} --force -- {' '.join(again)}")
    return " && ".join(parts)


def run(study: str) -> int:
    """Prints what is wrong, and the command that mends it. 0: nothing is wrong; 1: something is."""
    tree = Tree(Plan(read_study(study)))
    problems, unrecorded = tree.problems(), tree.unrecorded()
    for problem in problems:
        print(f"{line(str(problem.file))}: {problem.what}")
    if unrecorded:
        print(f"{len(unrecorded)} files without a recorded digest, not checked, such as {unrecorded[0]}")
    print(f"{tree.root}: {len(tree.files) - len(unrecorded)} files checked, {len(problems)} problems")
    if problems:
        print(f"to mend it:\n  {command(problems, study)}")
    return 1 if problems else 0
