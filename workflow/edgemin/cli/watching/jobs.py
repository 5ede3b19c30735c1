"""The jobs of a study that are worth a line or a curve: what runs, and every training."""

from __future__ import annotations

from pathlib import Path

from edgemin.cli.status import Standing, Step
from edgemin.cli.watching.training import Training, finished, running
from edgemin.plan.paths import Paths

HISTORY = "history.json"


class Watched:
    """The jobs of one study. Histories of finished trainings are read once."""

    def __init__(self, paths: Paths) -> None:
        self.logs, self.scratch = Path(paths.root, "logs"), Path(paths.scratch)
        self._finished: dict[str, Training] = {}

    def name(self, step: Step) -> str:
        """As its log is named, below the folder of logs."""
        return Path(step.log).relative_to(self.logs).with_suffix("").as_posix()

    def running(self, standing: Standing, now: float) -> dict[str, str]:
        """Name -> where it is, of jobs that run. now: the time, in seconds since the epoch."""
        return {
            self.name(step): str(running(Path(step.log), self.scratch, now)) or last.rpartition("] ")[2]
            for step, (state, last) in standing.states.items()
            if state == "running"
        }

    def trainings(self, standing: Standing, now: float) -> dict[str, tuple[str, Training]]:
        """Folder of the model -> state and curve, of trainings that are done, here or on record, or run; running ones first."""
        curves: dict[str, tuple[str, Training]] = {}
        for step, (state, _) in sorted(standing.states.items(), key=lambda one: one[1][0] != "running"):
            for history in (file for file in step.outputs if Path(file).name == HISTORY and state in ("running", "done")):
                training = self._of(history) if state == "done" else running(Path(step.log), self.scratch, now)
                if training.phases or training.now:
                    curves[Path(history).parent.relative_to(self.logs.parent).as_posix()] = state, training
        return curves

    def _of(self, history: str) -> Training:
        if history not in self._finished:
            self._finished[history] = finished(Path(history))
        return self._finished[history]
