"""Jobs that time cascades: the members one after another, from text to answer, in turn with the teacher."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.jobs.baselines import inside_each
from edgemin.plan.jobs.cascade import BundleCascade
from edgemin.plan.jobs.measuring import MeasureRound
from edgemin.plan.paths import inside
from edgemin.study.cascade_rows import bundling, place_of
from edgemin.study.chains import Chain, one_of
from edgemin.study.table import LATENCY

_PLACE = place_of("{cascade}")
_FILES = {"latency": LATENCY, "timings": "timings.parquet"}


class TimeCascade(MeasureRound):
    """One round of a cascade's time. It runs what the cascade's bundle runs, and needs no bundle. Runs alone."""

    rule = "time_cascade"
    place = f"measurements/{{task}}/seed{{seed}}/{_PLACE}/{{runtime}}/rounds/{{round}}"

    @property
    def outputs(self) -> dict[str, str]:
        folder = self.paths.round("{task}", "{seed}", _PLACE, "{runtime}", "{round}")
        return {name: f"{folder}/{file}" for name, file in _FILES.items()}

    def own_constraints(self) -> dict[str, str]:
        return {"runtime": one_of(bundling())}

    def before(self, at: Any) -> list[str]:
        return super().before(_as_cell(at))

    def priority(self, at: Any) -> float:
        return super().priority(_as_cell(at))

    def inputs(self, at: Any) -> Inputs:
        """Models, and what thresholds are chosen by: answers of this seed, and times of all."""
        bundle = self._bundle(at)
        rows = [row for row in bundle.block(at)["rows"] if row["cell"] in bundle.members]
        answered = [f"{seed['folder']}/predictions.parquet" for row in rows for seed in row["seeds"]]
        times = [f"{seed['folder']}/{LATENCY}" for row in rows for seed in row["timed"]]
        return {
            "models": [file for member in bundle.members for file in bundle.model(at.task, at.seed, member)[1]],
            "chosen_by": list(dict.fromkeys([*answered, *times])),
            "data": [self.paths.texts(at.task, "test"), f"{self.paths.data(at.task)}/data.json"],
            "teacher": self.plan.artefact(at.task, at.seed, Chain(), at.runtime),
        }

    def about(self, at: Any) -> dict[str, Any]:
        bundle = self._bundle(at)
        return {**super().about(at), "block": bundle.block(at), "members": bundle.opened(at)}

    def roots(self, at: Any) -> tuple[str, ...]:
        return self._bundle(at).programs()

    def without(self, at: Any) -> tuple[str, ...]:
        return ()

    def _bundle(self, at: Any) -> BundleCascade:
        return BundleCascade(self.plan, at.cascade)


class PoolCascade(Job):
    """The rounds of a cascade, pooled."""

    rule = "pool_cascade"
    place = f"measurements/{{task}}/seed{{seed}}/{_PLACE}/{{runtime}}/latency"

    @property
    def outputs(self) -> list[str]:
        return [f"{self.paths.measured('{task}', '{seed}', _PLACE, '{runtime}')}/{LATENCY}"]

    def own_constraints(self) -> dict[str, str]:
        return {"runtime": one_of(bundling())}

    def inputs(self, at: Any) -> Inputs:
        """Its times are on the clock of the teacher's own rounds, so that they go with those of all cells."""
        numbers = range(1, self.study.latency.rounds + 1)
        folders = [self.paths.round(at.task, at.seed, place_of(at.cascade), at.runtime, number) for number in numbers]
        files: Inputs = {
            name: inside_each(folders, file) for name, file in zip(("rounds", "timings"), _FILES.values(), strict=True)
        }
        return {**files, "teacher": inside(self.paths.measured(at.task, at.seed, Chain(), at.runtime), [LATENCY])}


def _as_cell(at: Any) -> Any:
    """Wildcards as those of a cell's round."""
    return SimpleNamespace(task=at.task, seed=at.seed, chain=place_of(at.cascade), runtime=at.runtime, round=at.round)
