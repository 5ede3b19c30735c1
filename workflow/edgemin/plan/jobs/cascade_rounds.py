"""Jobs that time cascades: the members one after another, from text to answer, in turn with the teacher."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs
from edgemin.plan.jobs.cascade import BundleCascade
from edgemin.plan.jobs.measuring import MeasureRound, PoolRounds, Rounds
from edgemin.plan.paths import inside
from edgemin.study.cascade_rows import bundling, place_of
from edgemin.study.chains import Chain, one_of
from edgemin.study.table import LATENCY

_PLACE = place_of("{cascade}")


class RoundsOfCascade(Rounds):
    where = (_PLACE, "{runtime}")

    def cell(self, at: Any) -> tuple[str, str]:
        return place_of(at.cascade), at.runtime

    def own_constraints(self) -> dict[str, str]:
        return {"runtime": one_of(bundling())}


class TimeCascade(RoundsOfCascade, MeasureRound):
    """One round of a cascade's time. It runs what the cascade's bundle runs, and needs no bundle. Runs alone."""

    rule = "time_cascade"
    place = f"measurements/{{task}}/seed{{seed}}/{_PLACE}/{{runtime}}/rounds/{{round}}"

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


class PoolCascade(RoundsOfCascade, PoolRounds):
    """The rounds of a cascade, pooled."""

    rule = "pool_cascade"
    place = f"measurements/{{task}}/seed{{seed}}/{_PLACE}/{{runtime}}/latency"

    def teacher(self, at: Any) -> str | list[str]:
        """In the runtime that it took turns with."""
        return inside(self.paths.measured(at.task, at.seed, Chain(), at.runtime), [LATENCY])
