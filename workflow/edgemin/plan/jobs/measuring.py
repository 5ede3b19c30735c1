"""Jobs that measure: quality, size and latency of every chain, in each runtime that it is measured in."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.paths import inside
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import Chain
from edgemin.study.measuring import Latency
from edgemin.study.table import LATENCY

_BATCH = 32


def batch_size(plan: Plan, chain: Chain) -> int:
    """Texts that a chain's model answers at once: 1 where an answer could depend on its neighbours."""
    return _BATCH if plan.batch_invariant(chain) else 1


def one_round(protocol: Latency) -> Latency:
    """The protocol of a round. Batches go by length and blocks take them in turn: there are so many blocks that each batch has as many.

    Not in `share`, whose code the digest of every measured round covers: a change there would void all records."""
    part = protocol.share()
    each = max(1, part.batches)
    return part.model_copy(update={"blocks": -(-part.blocks // each) * each})


class Measuring(Job):
    """A measurement of a chain in a runtime."""

    def model(self, at: Any) -> list[str]:
        return self.plan.artefact(at.task, at.seed, Chain.parse(at.chain), at.runtime)

    def running(self, at: Any) -> tuple[str, ...]:
        """Modules that run the model: of its runtime; in PyTorch of its family and its scheme too."""
        chain, runtime = Chain.parse(at.chain), registry.RUNTIMES.module(at.runtime)
        if registry.RUNTIMES[at.runtime].graph:
            return (runtime,)
        scheme = (registry.SCHEMES.module(self.study.variant(chain).scheme),) if chain.quantized else ()
        return runtime, *scheme, *self.plan.families_of(chain)

    def without(self, at: Any) -> tuple[str, ...]:
        """Modules of the chain's scheme that only make models, for other runtimes."""
        chain = Chain.parse(at.chain)
        scheme = registry.SCHEMES.module(self.study.variant(chain).scheme) if chain.quantized else ""
        return tuple(f"{scheme}.in_{name}" for name in registry.RUNTIMES.names() if name != at.runtime) if scheme else ()

    def judging(self, at: Any) -> tuple[str, ...]:
        kind = self.kind(at.task)
        return (f"{kind}.scores",)


class MeasureQuality(Measuring):
    """Predictions on validation and test."""

    rule = "measure_quality"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/quality"

    @property
    def outputs(self) -> dict[str, str]:
        folder = self.paths.measured("{task}", "{seed}", "{chain}", "{runtime}")
        return {"quality": f"{folder}/quality.json", "predictions": f"{folder}/predictions.parquet"}

    def inputs(self, at: Any) -> Inputs:
        chain = Chain.parse(at.chain)
        return {"model": self.model(at), **{split: self.plan.tokens(at.task, chain, split) for split in ("validation", "test")}}

    def about(self, at: Any) -> dict[str, Any]:
        batch = batch_size(self.plan, Chain.parse(at.chain))
        return {**self.judged(at.task), "batch_size": batch, "threads": self.study.threads.inference}

    def roots(self, at: Any) -> tuple[str, ...]:
        return *self.running(at), *self.judging(at)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class MeasureOutOfDomain(Measuring):
    """And on texts of other kinds."""

    rule = "measure_out_of_domain"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/out_of_domain"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [f"{self.paths.measured('{task}', '{seed}', '{chain}', '{runtime}')}/out_of_domain.json"]

    def inputs(self, at: Any) -> Inputs:
        chain, names = Chain.parse(at.chain), self.study.tasks[at.task].out_of_domain
        return {"model": self.model(at), "tests": [self.plan.tokens(at.task, chain, f"elsewhere-{name}") for name in names]}

    def about(self, at: Any) -> dict[str, Any]:
        return {**self.judged(at.task), "threads": self.study.threads.inference}

    def roots(self, at: Any) -> tuple[str, ...]:
        return *self.running(at), *self.judging(at)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class MeasureSize(Measuring):
    """Parameters and bytes."""

    rule = "measure_size"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/size"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [f"{self.paths.measured('{task}', '{seed}', '{chain}', '{runtime}')}/size.json"]

    def inputs(self, at: Any) -> Inputs:
        floats = self.plan.float_of(Chain.parse(at.chain))
        return {"model": self.model(at), "floats": self.paths.checkpoint(at.task, at.seed, floats)}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{registry.RUNTIMES.module(at.runtime)}.stored",)

    def settings(self, at: Any) -> tuple[str, ...]:
        return registry.RUNTIMES.module(at.runtime), *self.plan.families_of(Chain.parse(at.chain))


class Rounds(Job):
    """A job on the rounds of a cell, or of something that has other wildcards and a place beside cells."""

    where = ("{chain}", "{runtime}")
    """Wildcards for its chain and its runtime in patterns of paths."""

    def cell(self, at: Any) -> tuple[str, str]:
        """Likewise in the paths of one job."""
        return at.chain, at.runtime

    def in_round(self, at: Any, number: int) -> str:
        """Folder of a round."""
        return self.paths.round(at.task, at.seed, *self.cell(at), number)


class MeasureRound(Rounds, Measuring):
    """One round of latency, in a process of its own. Runs alone."""

    rule = "measure_round"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/rounds/{round}"

    @property
    def outputs(self) -> dict[str, str]:
        folder = self.paths.round("{task}", "{seed}", *self.where, "{round}")
        return {"latency": f"{folder}/{LATENCY}", "timings": f"{folder}/{_TIMINGS}"}

    def before(self, at: Any) -> list[str]:
        """The round that has to end before this one begins; nothing of it is read."""
        last = int(at.round) - 1
        return [f"{self.in_round(at, last)}/{LATENCY}"] if last else []

    def priority(self, at: Any) -> float:
        """First rounds are like other jobs; of the rest, round 2 of all cells goes before round 3 of any. They are below 0, the priority of
        all other jobs, so that they wait for trainings and spread over the hours. Within a round cells have a random order, the same
        for the same seed.
        """
        if at.round == "1":
            return 0
        name = " ".join(map(str, (self.study.latency.seed, at.task, at.seed, *self.cell(at), at.round)))
        return 1 - int(at.round) + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8

    def inputs(self, at: Any) -> Inputs:
        files: Inputs = {"texts": self.paths.texts(at.task, "test")}
        for name, other in self.plan.compared(Chain.parse(at.chain)).items():
            files[name] = self.plan.artefact(at.task, at.seed, other, at.runtime)
            files[f"{name}_tokens"] = self.plan.tokens(at.task, other, "test")
        return files

    def about(self, at: Any) -> dict[str, Any]:
        return {
            "protocol": spec_of(one_round(self.study.latency).model_copy(update={"seeds": None})),
            "max_length": self.study.tasks[at.task].max_length,
            "threads": self.study.threads.inference,
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.running(at)


class PoolRounds(Rounds):
    """The rounds of a cell, pooled. Times nothing itself, so it needs no machine of its own."""

    @property
    def outputs(self) -> list[str]:
        return [f"{self.paths.measured('{task}', '{seed}', *self.where)}/{LATENCY}"]

    @abstractmethod
    def teacher(self, at: Any) -> str | list[str]:
        """The teacher's own latency, from which its times are computed; empty: they are not."""

    def inputs(self, at: Any) -> Inputs:
        folders = [self.in_round(at, number) for number in range(1, self.study.latency.rounds + 1)]
        files: Inputs = {name: [f"{folder}/{file}" for folder in folders] for name, file in _OF_ROUNDS.items()}
        return {**files, "teacher": teacher} if (teacher := self.teacher(at)) else files


class MeasureLatency(PoolRounds, Measuring):
    """Of a cell."""

    rule = "measure_latency"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/latency"

    def teacher(self, at: Any) -> str | list[str]:
        """The teacher itself has none."""
        return f"{self.paths.measured(at.task, at.seed, Chain(), at.runtime)}/{LATENCY}" if Chain.parse(at.chain).links else ""


_TIMINGS = "timings.parquet"
_OF_ROUNDS = {"rounds": LATENCY, "timings": _TIMINGS}


class ScanQuantization(Job):
    """INT8 of one part at a time, on validation."""

    rule = "scan_quantization"
    place = "scans/{task}/seed{seed}/{parent}/int8"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [self.paths.scan("{task}", "{seed}", "{parent}")]

    def inputs(self, at: Any) -> Inputs:
        parent = self.paths.model(at.task, at.seed, at.parent)
        return {
            "graph": inside(parent, ("model.onnx", "onnx_provenance.json")),
            "parent": self.paths.checkpoint(at.task, at.seed, at.parent),
            "validation": self.plan.tokens(at.task, Chain.parse(at.parent), "validation"),
        }

    def about(self, at: Any) -> dict[str, Any]:
        assert self.study.layer_sensitivity is not None
        sentences = self.study.layer_sensitivity.sentences
        return {"sentences": sentences, **self.judged(at.task), "threads": self.study.threads.inference}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{self.kind(at.task)}.scores",)

    def settings(self, at: Any) -> tuple[str, ...]:
        return self.kind(at.task), *self.plan.families_of(Chain.parse(at.parent))
