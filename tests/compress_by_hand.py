"""A request with round numbers, for tests of what `edgemin compress` tries and how long it takes."""

from __future__ import annotations

from edgemin.compressing.branch import Branch
from edgemin.compressing.encoder import CONFIG, Encoder, packaged
from edgemin.compressing.estimate import Work, works_of
from edgemin.compressing.inputs import Inputs
from edgemin.compressing.speeds import Speeds
from edgemin.compressing.timing import Pace, Paces
from edgemin.plan.paths import Paths

BASE = Encoder(
    "base",
    {"path": "base"},
    {**CONFIG, "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072},
    finetuned=True,
    wordpiece=True,
)


def inputs(teacher: Encoder | None = None, train: int = 3200, pieces: int = 8000) -> Inputs:
    rows = {"train": train, "validation": 320, "test": 320}
    return Inputs({}, rows, 3, 30.0, pieces, teacher or packaged(), packaged())


SPEEDS = Speeds(whole=4.0, smallest=100.0)
PACE, START = Pace(step=0.5, batch=0.1, text=0.01), 4.0
PATHS = Paths("s")


def paces(branches: list[Branch]) -> Paces:
    return Paces(START, {branch.sizes: PACE for branch in branches})


def works(branches: list[Branch], given: Inputs) -> dict[str, list[Work]]:
    return {branch.name: works_of(branch, given, paces(branches), PATHS, "t") for branch in branches}
