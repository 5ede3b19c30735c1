"""What jobs of the smoke study have loaded, beside what their digests cover."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from copies import ROOT, Copy

from edgemin.core.code_digest import exempt, file_of, modules_of
from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.base import Job
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study
from edgemin.study.registry import settings_halves


class At(dict):
    """Wildcards, as Snakemake hands them over."""

    __getattr__ = dict.__getitem__


JOBS = {job.rule: job for job in Jobs(Plan(read_study(ROOT / "config/smoke.yaml"))).all()}
FOUND = set(modules_of(settings=tuple(sorted(settings_halves()))))
"""What the registry loads to find things by name: every settings half, and what it imports at its head. The thing that is used is a root."""
CHECKING = set(modules_of("edgemin.plan.checks", "edgemin.plan.plan", "edgemin.study.read"))
"""Before a training its study is checked once more: that ends the job, or changes nothing."""
REFUSING = {"edgemin.study.outputs"}
"""Imported by `study.foreign`, which no digest covers: it refuses a checkpoint, or changes nothing."""
TRAINING = {
    "train_teacher",
    "distill_student",
    "distill_static",
    "prune_structured",
    "prune_to_time",
    "quantize_aware_onnxruntime",
}
LOADED_UNUSED = {
    "cache_teacher": {"edgemin.data.kinds.classification.scores": "examples come with labels, of which a teacher is not asked"},
}


def jobs_of(copy: Copy) -> dict[str, list[dict[str, Any]]]:
    """Rule -> its jobs that have run in a copy: wildcards, and the modules that were loaded at the end."""
    found = defaultdict(list)
    for file in sorted((copy.folder / "modules").iterdir()):
        job = json.loads(file.read_text(encoding="utf-8"))
        found[job["rule"]].append(job)
    return found


def uncovered(rule: str, jobs: list[dict[str, Any]], known: Mapping[str, Job] = JOBS) -> set[str]:
    """Modules that some of these jobs have loaded and their digests do not cover; what is meant to be so is not among them."""
    if rule == "write_study":  # its parameter is the study itself
        return set()
    allowed = FOUND | REFUSING | set(LOADED_UNUSED.get(rule, ())) | (CHECKING if rule in TRAINING else set())
    missing = {name for job in jobs for name in set(job["modules"]) - set(known[rule].covered(At(job["wildcards"])))}
    return {name for name in missing - allowed if exempt(name) is None and _has_code(name)}


def _has_code(module: str) -> bool:
    """Not a package that holds a docstring alone."""
    file = file_of(module)
    return file is None or any(
        not isinstance(statement, ast.Expr) for statement in ast.parse(file.read_text(encoding="utf-8")).body
    )
