"""Jobs that measure: quality, size and latency of every chain, in each runtime that it is measured in."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.paths import inside
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import Chain


class Measuring(Job):
    """Of a chain in a runtime."""

    def model(self, at: Any) -> list[str]:
        return self.plan.artefact(at.task, at.seed, Chain.parse(at.chain), at.runtime)

    def running(self, at: Any) -> tuple[str, ...]:
        """Modules that run the model: of its runtime; in PyTorch of its family and its scheme too."""
        chain, runtime = Chain.parse(at.chain), registry.RUNTIMES.module(at.runtime)
        if registry.RUNTIMES[at.runtime].graph:
            return (runtime,)
        scheme = (registry.SCHEMES.module(self.study.variant(chain).scheme),) if chain.quantized else ()
        return runtime, *scheme, *self.plan.families_of(chain)

    def judging(self, at: Any) -> tuple[str, ...]:
        kind = self.kind(at.task)
        return (f"{kind}.scores",)


class MeasureQuality(Measuring):
    """What it answers on validation and test."""

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
        batch = 1 if Chain.parse(at.chain).quantized else 32
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


class MeasureLatency(Measuring):
    """Runs alone."""

    rule = "measure_latency"
    place = "measurements/{task}/seed{seed}/{chain}/{runtime}/latency"

    @property
    def outputs(self) -> dict[str, str]:
        folder = self.paths.measured("{task}", "{seed}", "{chain}", "{runtime}")
        return {"latency": f"{folder}/latency.json", "timings": f"{folder}/timings.parquet"}

    def inputs(self, at: Any) -> Inputs:
        files: Inputs = {"texts": self.paths.texts(at.task, "test")}
        for name, other in self.plan.compared(Chain.parse(at.chain)).items():
            files[name] = self.plan.artefact(at.task, at.seed, other, at.runtime)
            files[f"{name}_tokens"] = self.plan.tokens(at.task, other, "test")
        return files

    def about(self, at: Any) -> dict[str, Any]:
        return {
            "protocol": spec_of(self.study.latency),
            "max_length": self.study.tasks[at.task].max_length,
            "threads": self.study.threads.inference,
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.running(at)


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
