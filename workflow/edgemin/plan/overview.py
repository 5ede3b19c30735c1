"""A summary of a study's size, before anything runs."""

from __future__ import annotations

from edgemin.study.chains import Chain
from edgemin.study.study import Study


def trains(study: Study, chain: Chain) -> bool:
    """Whether the job of the chain's last link trains a model, rather than only cutting or rounding one."""
    if chain.last is None:
        return study.teacher.training != "none"
    variant = study.variant(chain)
    return bool(variant.phases)


def count(study: Study) -> dict[str, int]:
    """The number of models and trainings of all cells and seeds: each counted once, and without sharing between cells."""
    seeds, shared = len(study.seeds), study.chains()
    naive = [prefix for cell in study.cells for prefix in study.chain(cell).prefixes]
    return {
        "cells": len(study.cells),
        "seeds": seeds,
        "tasks": len(study.tasks),
        "models": seeds * len(study.tasks) * len(shared),
        "models_unshared": seeds * len(study.tasks) * len(naive),
        "trainings": seeds * len(study.tasks) * sum(trains(study, chain) for chain in shared),
        "trainings_unshared": seeds * len(study.tasks) * sum(trains(study, chain) for chain in naive),
    }


def summary(study: Study) -> str:
    """A summary of the study in one line, for the terminal."""
    counts = count(study)
    tasks = f" × {counts['tasks']} tasks" if counts["tasks"] > 1 else ""
    return (
        f"study {study.study}: {_many(counts['cells'], 'cell')}{tasks} × {_many(counts['seeds'], 'seed')} "
        f"({len(study.default_cells())} by default) from {_many(counts['models'], 'model')} that are shared, "
        f"{counts['models_unshared']} if none were; {_many(counts['trainings'], 'training')} instead of {counts['trainings_unshared']}"
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
