"""What is known of a training, finished or not: its curve, and where it is. Read from its history, its log and its resume state.

A training job logs a line every 15 seconds and saves its losses at the end of every epoch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_PHASE = r"\] (?P<name>[^:]*, phase \d+ of \d+): "
STEP = re.compile(_PHASE + r"step (?P<step>\d+) of (?P<steps>\d+), \S+ s a step, (?P<minutes>\d+):(?P<seconds>\d\d) left$")
EPOCH = re.compile(_PHASE + r"epoch \S+, validation (?P<metric>\S+), its loss (?P<loss>\S+)$")
DIGITS = 4
"""Decimals of validation in a log."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Phase:
    """One phase's curve, as (step, value)."""

    name: str
    """As in `distill, phase 1 of 2`."""
    steps: int
    losses: Points = ()
    validation: Points = ()
    """The metric after each epoch."""

    @classmethod
    def of(cls, name: str, steps: int, log: Iterable[Mapping[str, Any]]) -> Phase:
        """log: of transformers' Trainer."""
        entries = [entry for entry in log if "step" in entry]
        pairs = {
            key: tuple((float(entry["step"]), float(entry[key])) for entry in entries if key in entry)
            for key in ("loss", "eval_metric")
        }
        return cls(name, steps, pairs["loss"], pairs["eval_metric"])


@dataclass(frozen=True)
class Now:
    """Where a running training is."""

    phase: str
    step: int
    steps: int
    left: float
    """Seconds to the end of this phase."""


@dataclass(frozen=True)
class Training:
    """Its phases so far, and where it is; None for one that does not run, or has not logged a step yet."""

    phases: tuple[Phase, ...] = ()
    now: Now | None = None
    validated: tuple[float, float] | None = None
    """Metric and loss on validation, the last that were logged."""

    @property
    def loss(self) -> float | None:
        """The last training loss that was saved in the phase at hand."""
        last = self.phases[-1] if self.phases else None
        if last is None or not last.losses or (self.now and last.name != self.now.phase):
            return None
        return last.losses[-1][1]

    def __str__(self) -> str:
        """Step, loss and time left."""
        parts = []
        if self.now:
            parts += [self.now.phase, f"step {self.now.step} of {self.now.steps}"]
        if self.loss is not None:
            parts.append(f"loss {self.loss:.4g}")
        if self.validated:
            parts.append("validation {:.4f}, its loss {:.4f}".format(*self.validated))
        if self.now:
            parts.append(f"{clock(self.now.left)} left in this phase")
        return ", ".join(parts)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def finished(history: Path) -> Training:
    """Of a history.json; without phases where there was no training, or the file is not whole yet."""
    return Training(tuple(Phase.of(one["title"], one["updates"], one["log"]) for one in _read(history).get("phases", [])))


def running(log: Path, scratch: Path, now: float) -> Training:
    """Of a job that writes this log. scratch: the study's folder of resume states. now: the time, in seconds since the epoch."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    steps = [match for line in lines if (match := STEP.search(line))]
    epochs = [match for line in lines if (match := EPOCH.search(line))]
    if not steps and not epochs:
        return Training()
    at = None
    if steps:
        last = steps[-1]
        left = 60 * int(last["minutes"]) + int(last["seconds"]) - max(0.0, now - log.stat().st_mtime)
        at = Now(last["name"], int(last["step"]), int(last["steps"]), max(0.0, left))
    validations = [(epoch["name"], round(float(epoch["metric"]), DIGITS)) for epoch in epochs]
    sizes = {step["name"]: int(step["steps"]) for step in steps}
    validated = (float(epochs[-1]["metric"]), float(epochs[-1]["loss"])) if epochs else None
    return Training(_saved(scratch, validations, sizes), at, validated)


def _saved(scratch: Path, validations: Sequence[tuple[str, float]], sizes: Mapping[str, int]) -> tuple[Phase, ...]:
    """The phases of the one resume state that agrees with a log; none where several do, as of two seeds before their first validation.

    A state's folder is named by a digest of contents, which nobody here computes. validations: phase and metric of each validation in the log. sizes:
    phase -> its steps.
    """
    fits = [phases for folder in sorted(scratch.glob("*/")) if (phases := _agreeing(_state(folder), validations, sizes))]
    return fits[0] if len(fits) == 1 else ()


def _state(folder: Path) -> dict[int, Phase]:
    """The phases in a resume state, by number: finished ones, and the last complete epoch of the one under way."""
    phases = {}
    for phase in folder.glob("phase*/"):
        if record := _read(phase / "done" / "record.json"):
            phases[int(phase.name[5:])] = Phase.of(record["title"], record["updates"], record["log"])
        elif states := [state for file in phase.glob("checkpoint-*/trainer_state.json") if (state := _read(file))]:
            newest = max(states, key=lambda state: int(state["global_step"]))
            phases[int(phase.name[5:])] = Phase.of("", newest["max_steps"], newest["log_history"])
    return dict(sorted(phases.items()))


def _agreeing(
    phases: Mapping[int, Phase], validations: Sequence[tuple[str, float]], sizes: Mapping[str, int]
) -> tuple[Phase, ...]:
    """The phases of a resume state, with their names, if they can be of the training of a log; else none. The state may lag behind the log, and a
    log begins anew when a job is resumed."""
    names = {int(name.split()[-3]): name for name in [*(name for name, _ in validations), *sizes]}
    common = {number: names[number] for number in phases if number in names}
    for number, name in common.items():
        phase, logged = phases[number], [metric for one, metric in validations if one == name]
        if sizes.get(name, phase.steps) != phase.steps or not _goes_on(
            [round(value, DIGITS) for _, value in phase.validation], logged
        ):
            return ()
    return tuple(replace(phase, name=common.get(number, phase.name)) for number, phase in phases.items()) if common else ()


def _goes_on(saved: list[float], logged: list[float]) -> bool:
    """Whether what both know is the same: one of them may have begun later, or be longer."""
    both = [(saved[start:], logged) for start in range(len(saved))]
    return not saved or not logged or any(one[: len(other)] == other[: len(one)] for one, other in both)


def _read(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one for a file that is not there, or is being written."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
