"""The lineage of a file: its job, the jobs before it, and one digest of everything that they depend on.

It is known before anything runs, because every job's spec is. Files with equal lineage are runs of the same jobs, on this machine or another.
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
    """The lineages of the files of one study."""

    def __init__(self, plan: Plan, jobs: Iterable[Job]) -> None:
        patterns = constraints(plan)
        self._patterns = [
            (_regex(pattern, {**patterns, **job.own_constraints()}), job) for job in jobs for pattern in listed(job.outputs)
        ]
        self.digest = cache(self._digest)
        self._of_job = cache(self._digest_of_job)

    def made_by(self, file: str) -> tuple[Job, dict[str, str]] | None:
        """The job of a file, and its wildcards; None for a file that no job makes."""
        for pattern, job in self._patterns:
            if match := pattern.fullmatch(file):
                return job, match.groupdict()
        return None

    def _digest(self, file: str) -> str:
        """Digest of everything that a file depends on: each job's rule, wildcards and spec, and the content of files that no job makes."""
        made_by = self.made_by(file)
        if made_by is None:
            return sha256(file) if Path(file).is_file() else "missing"
        job, wildcards = made_by
        return self._of_job(job, tuple(sorted(wildcards.items())))

    def _digest_of_job(self, job: Job, wildcards: tuple[tuple[str, str], ...]) -> str:
        at = Wildcards(**dict(wildcards))
        read = {name: [self.digest(file) for file in listed(files)] for name, files in job.inputs(at).items()}
        return digest([job.rule, dict(wildcards), job.spec(at), read])


class Wildcards(SimpleNamespace):
    """Wildcards as Snakemake passes them to the functions of a rule."""

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
