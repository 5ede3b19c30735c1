"""How things are measured: threads, latency, teachers' signals, sweeps and scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgemin.study import registry
from edgemin.study.base import AsBefore, Name, Seed, Strict
from edgemin.study.criterion import ranking

if TYPE_CHECKING:
    HeadCriterion = str
    FfnCriterion = str
    WeightCriterion = str
else:
    HeadCriterion, FfnCriterion, WeightCriterion = (Literal[ranking(structure)] for structure in ("heads", "ffn", "weights"))

SWEPT = ("heads", "ffn", "weights")
_FIRST = ("magnitude", "gradient", "taylor", "michel", "activation", "oracle", "random")
"""The default criteria of a sweep. The list is fixed: a new criterion makes no new jobs in studies that do not name it."""


def _swept(structure: str) -> list[str]:
    """Without those that take a pass for each of many units."""
    slow = structure != "heads"
    return [name for name in _FIRST if name in ranking(structure) and not (slow and registry.CRITERIA[name].slow)]


class Threads(Strict):
    """CPU threads of jobs."""

    training: Annotated[int, Field(ge=1)] = 2
    """Of a training job."""
    inference: Annotated[int, Field(ge=1)] = 1
    """When quality and latency are measured."""


class Latency(Strict):
    """Single stream: batch 1, real test sentences. Throughput: full batches. Numbers are of all rounds together."""

    rounds: Annotated[int, Field(ge=1)] = 5
    """Jobs that measure a cell, each a process of its own. Intervals are computed over rounds; with one round there are none."""
    warmup: Annotated[int, Field(ge=0)] = 50
    """Untimed calls of each model before timing, in every round."""
    calls: Annotated[int, Field(ge=1)] = 1000
    """Calls of a model at most."""
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """Timing stops after `calls` calls or `seconds` seconds, whichever comes first..."""
    minimum_calls: Annotated[int, Field(ge=1)] = 100
    """...but not before so many calls. It is also the number of different sentences, the same for every model."""
    blocks: Annotated[int, Field(ge=4)] = 20
    """Blocks of calls, in which models take turns; at least 4 in a round, and a multiple of its batches."""
    batch_size: Annotated[int, Field(ge=2)] = 32
    """Batch of the throughput scenario."""
    batches: Annotated[int, Field(ge=0)] = 20
    """Batches of the throughput scenario, by length; 0 leaves it out. A test split with fewer than a round wants gives the shortest more turns."""
    lengths: list[Annotated[int, Field(ge=3)]] = [16, 32, 64, 128]
    """Numbers of tokens of which the time is measured too, as far as the task's `max_length` allows."""
    seed: Seed = 0
    """Of the order of test sentences, and of the order of cells within a round."""
    seeds: Annotated[Annotated[int, Field(ge=1)] | None, AsBefore(None)] = None
    """How many of the study's seeds are timed, the first ones; without it all. Models of other seeds have the same shapes, so their times say little more."""

    def share(self) -> Latency:
        """The protocol of one round: its part of everything but the warm-up, rounded up."""
        part = {name: -(-getattr(self, name) // self.rounds) for name in ("calls", "minimum_calls", "blocks", "batches")}
        part["blocks"] = max(4, part["blocks"])
        return self.model_copy(update={**part, "rounds": 1, "seconds": self.seconds / self.rounds})


class TeacherCache(Strict):
    """The cache of a frozen teacher's outputs on the training split, computed once for all students."""

    limit_gb: Annotated[float, Field(ge=0)] = 8.0
    """A signal larger than this (10^9 bytes on disk) is not stored: the teacher then runs inside every training step.
    Students are made of the stored signals: another limit trains them anew."""
    keep: bool = False
    """Keep the files when the run has ended well; else they go, and are computed again if a later run needs them."""


class Sensitivity(Strict):
    """Ratio sweeps without recovery, on validation (`plot_sensitivity`, `plot_head_importance`); not made by default."""

    cell: Name
    """Whose float checkpoint is cut."""
    ratios: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2)] = [n / 10 for n in range(9)]
    """Shares to cut."""
    heads: list[HeadCriterion] = _swept("heads")
    """Sweeps of attention heads."""
    ffn: list[FfnCriterion] = _swept("ffn")
    """Sweeps of FFN neurons."""
    weights: list[WeightCriterion] = _swept("weights")
    """Sweeps of single weights."""
    sentences: Annotated[int, Field(ge=1)] = 512
    """How many training sentences a data-driven criterion reads."""

    def sweeps(self) -> list[tuple[str, str]]:
        """(structure, criterion) of each."""
        return [(structure, criterion) for structure in SWEPT for criterion in getattr(self, structure)]


class LayerSensitivity(Strict):
    """Dynamic INT8 of one part of a model at a time, on validation (`plot_layer_sensitivity`); not made by default."""

    cell: Name
    """Whose exported graph is quantized."""
    sentences: Annotated[int, Field(ge=1)] = 500
    """Of validation, drawn at random."""
