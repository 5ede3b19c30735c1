"""Jobs of baselines: to fit one, what it answers and weighs, and its time from text to answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.jobs.measuring import MeasureRound, PoolRounds, Rounds
from edgemin.plan.paths import inside
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import Chain
from edgemin.study.floor import NUMPY, chain_of
from edgemin.study.table import LATENCY

FILES = ("config.json", "model.safetensors", "provenance.json")
_CHAIN = chain_of("{baseline}")


class OfBaseline(Job):
    """A job on one baseline."""

    def settings_module(self, at: Any) -> str:
        return registry.BASELINES.module(self.study.baselines[at.baseline].baseline)

    def model(self, at: Any) -> list[str]:
        return inside(self.paths.model(at.task, at.seed, chain_of(at.baseline)), FILES)

    def roots(self, at: Any) -> tuple[str, ...]:
        """What answers; and how answers are judged."""
        return f"{self.settings_module(at)}.answer", f"{self.kind(at.task)}.scores"

    def settings(self, at: Any) -> tuple[str, ...]:
        return self.settings_module(at), self.kind(at.task)


class FitBaseline(OfBaseline):
    """A baseline's numbers. The same for all seeds, since nothing in it is random; a folder for each seed, as of models."""

    rule = "fit_baseline"
    place = f"models/{{task}}/seed{{seed}}/{_CHAIN}"

    @property
    def outputs(self) -> list[str]:
        return inside(f"{self.paths.root}/{self.place}", FILES)

    def inputs(self, at: Any) -> Inputs:
        rows = {split: self.paths.texts(at.task, split) for split in ("train", "validation")}
        return {**rows, "data": f"{self.paths.data(at.task)}/data.json"}

    def about(self, at: Any) -> dict[str, Any]:
        return {
            "baseline": spec_of(self.study.baselines[at.baseline]),
            **self.judged(at.task),
            "threads": self.study.threads.training,
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.settings_module(at), f"{self.kind(at.task)}.scores"


class MeasureBaseline(OfBaseline):
    """Predictions on validation and test, parameters and bytes."""

    rule = "measure_baseline"
    place = f"measurements/{{task}}/seed{{seed}}/{_CHAIN}/{NUMPY.name}/quality"

    @property
    def outputs(self) -> dict[str, str]:
        folder = self.paths.measured("{task}", "{seed}", _CHAIN, NUMPY.name)
        return {
            "quality": f"{folder}/quality.json",
            "predictions": f"{folder}/predictions.parquet",
            "size": f"{folder}/size.json",
        }

    def inputs(self, at: Any) -> Inputs:
        return {"model": self.model(at), **{split: self.paths.texts(at.task, split) for split in ("validation", "test")}}

    def about(self, at: Any) -> dict[str, Any]:
        return {**self.judged(at.task), "batch_size": 32, "threads": self.study.threads.inference}


class RoundsOfBaseline(Rounds):
    where = (_CHAIN, NUMPY.name)

    def cell(self, at: Any) -> tuple[str, str]:
        return str(chain_of(at.baseline)), NUMPY.name


class TimeBaseline(RoundsOfBaseline, OfBaseline, MeasureRound):
    """One round of its latency, from text to answer, in turn with the teacher in the first of the study's runtimes. Runs alone."""

    rule = "time_baseline"
    place = f"measurements/{{task}}/seed{{seed}}/{_CHAIN}/{NUMPY.name}/rounds/{{round}}"

    def inputs(self, at: Any) -> Inputs:
        teacher = self.plan.artefact(at.task, at.seed, Chain(), self.study.runtimes[0])
        return {"texts": self.paths.texts(at.task, "test"), "model": self.model(at), "reference": teacher}

    def about(self, at: Any) -> dict[str, Any]:
        return {**super().about(at), "reference": self.study.runtimes[0]}

    def roots(self, at: Any) -> tuple[str, ...]:
        return f"{self.settings_module(at)}.answer", *self.running(self._teacher(at))

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.settings_module(at),)

    def without(self, at: Any) -> tuple[str, ...]:
        return super().without(self._teacher(at))

    def _teacher(self, at: Any) -> Any:
        return SimpleNamespace(chain=str(Chain()), runtime=self.study.runtimes[0])


class PoolBaseline(RoundsOfBaseline, PoolRounds):
    """The rounds of a baseline, pooled."""

    rule = "pool_baseline"
    place = f"measurements/{{task}}/seed{{seed}}/{_CHAIN}/{NUMPY.name}/latency"

    def teacher(self, at: Any) -> str | list[str]:
        """In the runtime that it took turns with."""
        return f"{self.paths.measured(at.task, at.seed, Chain(), self.study.runtimes[0])}/{LATENCY}"
