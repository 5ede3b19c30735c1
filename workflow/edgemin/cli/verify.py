"""Check a results tree against its recorded digests: which files are damaged, missing or foreign, and how to make them again.

Reads files alone; needs neither torch nor Snakemake.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgemin.cli.as_made import AsMade
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256
from edgemin.core.messages import line
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.core.recorded import FOLDER, digest_file, recorded
from edgemin.data.sources.archives import fetched
from edgemin.plan.calls import call
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import Lineage
from edgemin.plan.paths import DOWNLOADS
from edgemin.plan.plan import Plan
from edgemin.study.pins import Pin

NOT_KEPT = ("logs", "benchmarks", "scratch", "record", FOLDER)
"""Folders of a study that hold no results of its own."""


@dataclass(frozen=True)
class Problem:
    file: Path
    what: str
    again: tuple[Path, ...] = ()
    """The files that Snakemake has to make again, if a job makes one: the first of them is. None: foreign."""
    gone: tuple[Path, ...] = ()
    """What is deleted instead, since no job makes any of them."""


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
        """One per file: the first thing that is wrong with it, and what mends that."""
        first: dict[Path, Problem] = {}
        for problem in (*self._downloads(), *self._recorded(), *self._folders()):
            first.setdefault(problem.file, problem)
        for problem in self._outdated(damaged=set(first)):
            first.setdefault(problem.file, problem)
        return [self._settled(problem) for problem in first.values()]

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
                yield Problem(folder, problem, (folder,))

    def _recorded(self) -> Iterator[Problem]:
        for file in sorted((self.root / FOLDER).rglob("*.sha256")):
            made = self.root / file.relative_to(self.root / FOLDER).with_suffix("")
            signal = made.suffix == ".safetensors" and made.relative_to(self.root).parts[0] == "caches"
            again = made.with_suffix(".json") if signal else made  # the manifest of a cache brings its signal
            entry = recorded(file)
            if entry is None:
                yield Problem(file, "not a digest file", (again,))
            elif not made.is_file():
                if not signal:  # which go when a run has ended well
                    yield Problem(made, "missing", (again,))
            elif self.digest(made) != entry[1]:
                yield Problem(made, _differs(made), (again,))

    def _folders(self) -> Iterator[Problem]:
        """Model folders and encoders, by their own provenance."""
        known: dict[Path, set[str]] = {}
        for folder, record, name in self._provenances():
            if record is None:
                yield Problem(folder / name, "not a provenance file", (folder / name,))
                continue
            known.setdefault(folder, {NAME, EXPORT_PROVENANCE}).update(_listed(record))
            for file, digest in _listed(record).items():
                if not (folder / file).is_file():
                    yield Problem(folder / file, "missing", (folder / file, folder / name))
                elif self.digest(folder / file) != digest:
                    yield Problem(folder / file, _differs(folder / file), (folder / file, folder / name))
        for file in self.files:
            if file.parent in known and file.name not in known[file.parent] and not _digest_of(file).is_file():
                yield Problem(file, "foreign: no job made it", gone=(file,))

    def _outdated(self, damaged: set[Path]) -> Iterator[Problem]:
        """Models whose parents are whole, and not those that they were made from."""
        whole = set(self.files) - damaged
        for folder, record, name in self._provenances():
            for parent, digest in (record or {}).get("parents", {}).items():
                if Path(parent) in whole and self.digest(Path(parent)) != digest:
                    yield Problem(folder / name, f"was made from another {parent}", (folder / name,))
                    break

    def _provenances(self) -> Iterator[tuple[Path, dict[str, Any] | None, str]]:
        """(folder, content or None if it is damaged, name) of every provenance file."""
        for file in self.files:
            if file.name in (NAME, EXPORT_PROVENANCE):
                yield file.parent, _provenance(file), file.name

    # -- how it is mended ----------------------------------------------------------------------------------------------

    @cached_property
    def _lineage(self) -> Lineage:
        return Lineage(self.plan, Jobs(self.plan).all())

    def _settled(self, problem: Problem) -> Problem:
        """With the one file that a job of the study makes again; else with what is deleted."""
        if not problem.again:
            return problem
        if made := next(filter(self._is_made, problem.again), None):
            return replace(problem, again=(made,))
        what = f"{problem.what}; no job of this study makes it"
        return replace(problem, what=what, again=(), gone=tuple(self._with_digests(problem.file)))

    def _is_made(self, file: Path) -> bool:
        """Whether a job makes it. Tables and plots have rules in every study, those that it says nothing of too."""
        made_by, study = self._lineage.made_by(file.as_posix()), self.plan.study
        if made_by is None:
            return False
        table, plot = getattr(made_by[0], "table", None), getattr(made_by[0], "plot", None)
        return table.on_page(study) if table else plot is None or plot.declared(study)

    def _with_digests(self, file: Path) -> Iterator[Path]:
        """A file, and its digest; of a model all files that its provenance lists. A digest that is damaged says nothing of its file, which stays."""
        files = {file: None}
        for name in (NAME, EXPORT_PROVENANCE):
            listed = _listed(_provenance(file.parent / name))
            if file.name == name or file.name in listed:
                files |= dict.fromkeys(file.parent / one for one in (*listed, name))
        for one in files:
            yield one
            if FOLDER not in one.parts and (digest := digest_file(one)) and digest.is_file():
                yield digest


def _kept(path: Path) -> bool:
    return path.parts[0] not in NOT_KEPT and not any(part.startswith(".") for part in path.parts)


def _provenance(file: Path) -> dict[str, Any] | None:
    """Content of a provenance file; None if it is none."""
    try:
        record = read_json(file)
    except EdgeminError:
        return None
    if not isinstance(record, dict) or not all(isinstance(record.get(name, {}), dict) for name in ("sha256", "parents")):
        return None
    return record if "sha256" in record else None


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


def command(problems: Sequence[Problem], file: str, config: Sequence[str] = ()) -> str:
    """One line for a shell that deletes what no job makes and makes anew what is damaged, and no more. file, config: of the study, as for `call`.

    What was made from it follows at the next ordinary run, as far as it comes out different.
    """
    again = _quoted(file for problem in problems for file in problem.again)
    gone = _quoted(file for problem in problems for file in problem.gone)
    parts = [f"rm -f -- {' '.join(gone)}"] if gone else []
    if again:
        parts.append(f"{call([file], config, options=['--force'])} {' '.join(again)}")
    return " && ".join(parts)


def _quoted(files: Iterable[Path]) -> list[str]:
    return list(dict.fromkeys(shlex.quote(str(file)) for file in files))


def run(study: str) -> int:
    """Prints what is wrong, and the command that mends it. 0: nothing is wrong; 1: something is."""
    made = AsMade(study)
    tree = Tree(Plan(made.study))
    problems, unrecorded = tree.problems(), tree.unrecorded()
    for problem in problems:
        print(f"{line(str(problem.file))}: {problem.what}")
    if unrecorded:
        print(f"{len(unrecorded)} files without a recorded digest, not checked, such as {unrecorded[0]}")
    print(f"{tree.root}: {len(tree.files) - len(unrecorded)} files checked, {len(problems)} problems")
    if problems:
        print(f"{made.difference}\nto mend it:" if made.difference else "to mend it:")
        print(f"  {command(problems, made.file, made.config)}")
    return 1 if problems else 0
