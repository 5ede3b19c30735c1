"""Snakemake on the study, its lines passed on, with the time that is left."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.compressing.folder import STUDY
from edgemin.core.errors import EdgeminError

STEPS = re.compile(r"^(\d+) of (\d+) steps \(")
"""A line of Snakemake's, after each job."""
LOCKED = "LockException"
"""What it says of a folder in which another run goes on, or was killed."""
ENOUGH = 60.0
"""Estimated seconds of finished jobs, from which on the run itself says how far estimates are off."""


class Left:
    """About how long the rest takes: estimates of what is not there, times how far estimates of what was made in this run are off."""

    def __init__(self, folder: Path, seconds: Mapping[str, float]) -> None:
        self.folder, self.seconds = folder, seconds
        self.started, self.before = time.monotonic(), self._waiting()

    def _waiting(self) -> float:
        return sum(value for file, value in self.seconds.items() if not (self.folder / file).exists())

    def minutes(self, now: float | None = None) -> float:
        waiting = self._waiting()
        done, passed = self.before - waiting, (time.monotonic() if now is None else now) - self.started
        return waiting * (passed / done if done >= ENOUGH else 1.0) / 60


class _Ended(KeyboardInterrupt):
    """This process was asked to end, and Snakemake does not know."""


def _end(*_: object) -> None:
    raise _Ended


@contextmanager
def _handling(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """With these handlers of signals, where this thread may have any."""
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()} if here else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command(root: Path, folder: Path, cores: int, *targets: str) -> list[str]:
    """The call of Snakemake, from any folder."""
    arguments = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--snakefile", str(root / "Snakefile")]
    arguments += ["--directory", str(folder.resolve()), "--workflow-profile", str(root / "profiles/default")]
    return [*arguments, "--configfile", str((folder / STUDY).resolve()), *(["--", *targets] if targets else [])]


def snakemake(root: Path, folder: Path, cores: int, seconds: Mapping[str, float], *targets: str) -> None:
    """Raises EdgeminError if it fails, with how to remove the lock that a killed run has left; Snakemake's own lines say why."""
    path = os.pathsep.join(filter(None, (str(root / "workflow"), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    left = Left(folder, seconds)
    with _handling(
        {signal.SIGINT: signal.default_int_handler}
    ):  # a shell's background job ignores it, and what it starts would, too
        started = subprocess.Popen(  # noqa: S603 - this interpreter
            command(root, folder, cores, *targets),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    assert started.stdout is not None
    locked = False
    with _handling({signal.SIGTERM: _end}):
        try:
            for line in started.stdout:
                print(line, end="", flush=True)
                locked |= line.startswith(LOCKED)
                if (steps := STEPS.match(line)) and steps[1] != steps[2]:
                    print(f"{steps[1]} of {steps[2]} jobs, about {max(1, round(left.minutes()))} min left", flush=True)
        except KeyboardInterrupt as interruption:
            if isinstance(interruption, _Ended):  # a terminal interrupts both
                started.send_signal(signal.SIGINT)
            started.wait()  # it ends its jobs
            raise
    if started.wait() and locked:
        unlock = shlex.join([*command(root, folder, cores), "--unlock"])
        raise EdgeminError(
            f"{folder}: another run of Snakemake goes on there, or was killed and left its lock; if none goes on: {unlock}"
        )
    if started.returncode:
        raise EdgeminError(
            f"{folder}: the run has stopped (see the lines above); what is finished stays, and the same command goes on"
        )
