"""The two ladders of the shipped studies: the same recipe under the same name, wherever the teacher is of the same size."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemin.study.base import spec_of
from edgemin.study.read import read_study

CONFIG = Path(__file__).parents[2] / "config"
LADDERS = ("kd", "kd_prune", "edgemin", "best_kd", "best_prune", "best")
CONTROLS = ("edgemin_torch", "labels", "labels_long", "logits_wide", "best_uncut", "prune", "quant", "prune_quant", "kd_quant")


def _recipe(file: str, cell: str) -> list[object]:
    """The teacher, what it is trained on, and every step to a cell, as jobs are told of them."""
    study = read_study(str(CONFIG / file))
    data = {name: task.model_copy(update={"out_of_domain": {}}) for name, task in study.tasks.items()}
    steps = [study.variant(prefix) for prefix in study.chain(cell).prefixes if prefix.links]
    transfers = [study.transfer[step.transfer] for step in steps if getattr(step, "transfer", None)]
    return [spec_of(one) for one in (*data.values(), study.teacher, *steps, *transfers)]


@pytest.mark.parametrize("file", ["evidence.yaml", "frontier.yaml", "study.yaml"])
@pytest.mark.parametrize("cell", LADDERS)
def test_of_the_small_teacher(file, cell):
    assert _recipe(file, cell) == _recipe("quick.yaml", cell)


@pytest.mark.parametrize("cell", [*LADDERS, *CONTROLS])
def test_of_the_large_teacher(cell):
    assert _recipe("full.yaml", cell) == _recipe("config.yaml", cell)
