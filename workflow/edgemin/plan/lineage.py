"""What a file is made by: its job, the jobs before it, and one digest of all that they depend on.

Known before anything runs, since every job's spec is. Two files of the same lineage are two runs of the same thing, on this machine or another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from edgemin.core.files import sha256
from edgemin.core.provenance import digest
from edgemin.plan.plan import Plan
from edgemin.plan.wildcards import constraints

if TYPE_CHECKING:
    from edgemin.plan.jobs.base import Job


class Lineage:
    """Of the files of one study."""

    def __init__(self, plan: Plan, jobs: Iterable[Job]) -> None:
        found = constraints(plan)
        self._patterns = [
            (_regex(pattern, {**found, **job.own_constraints()}), job) for job in jobs for pattern in listed(job.outputs)
        ]
        self.digest = cache(self._digest)
        self._of_job = cache(self._digest_of_job)

    def made_by(self, file: str) -> tuple[Job, dict[str, str]] | None:
        """The job of a file, and its wildcards; None for a file that no job makes."""
        for pattern, job in self._patterns:
            if found := pattern.fullmatch(file):
                return job, found.groupdict()
        return None

    def _digest(self, file: str) -> str:
        """Of everything that a file depends on: each job's rule, wildcards and spec; of files that no job makes the content."""
        found = self.made_by(file)
        if found is None:
            return sha256(file) if Path(file).is_file() else "missing"
        job, wildcards = found
        return self._of_job(job, tuple(sorted(wildcards.items())))

    def _digest_of_job(self, job: Job, wildcards: tuple[tuple[str, str], ...]) -> str:
        at = Wildcards(**dict(wildcards))
        read = {name: [self.digest(file) for file in listed(files)] for name, files in job.inputs(at).items()}
        return digest([job.rule, dict(wildcards), job.spec(at), read])


class Wildcards(SimpleNamespace):
    """As Snakemake hands them to the functions of a rule."""

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)


def listed(files: Any) -> list[str]:
    """The files of a group, or of named groups."""
    return list(_flat(files))


def _flat(files: Any) -> Iterator[str]:
    if isinstance(files, str):
        yield files
    elif files:
        for one in files.values() if isinstance(files, Mapping) else files:
            yield from _flat(one)


def _regex(pattern: str, allowed: Mapping[str, str]) -> re.Pattern[str]:
    """Of a pattern with wildcards in braces, as Snakemake reads it: the same wildcard twice is the same text twice."""
    parts, seen = [], set()
    for number, part in enumerate(re.split(r"\{(\w+)\}", pattern)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>{allowed.get(part, '.+')})")
    return re.compile("".join(parts))
