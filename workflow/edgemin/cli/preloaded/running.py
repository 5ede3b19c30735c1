"""Snakemake with jobs that share what one process has loaded."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgemin.core.errors import EdgeminError

LAUNCHER = Path(__file__).with_name("launcher.py")
_SNAKEMAKE = "import sys; sys.executable = sys.argv.pop(1); from snakemake.cli import main; main()"
"""Snakemake starts scripts by what `sys.executable` says."""


def snakemake(arguments: Sequence[str], shared: bool) -> int:
    """Run Snakemake here; its exit status. shared: whether jobs share a process."""
    if not shared:
        return _ran([sys.executable, "-m", "snakemake", *arguments])
    with _loaded() as place:
        python = shlex.join([sys.executable, "-I", "-S", str(LAUNCHER), place, sys.executable])
        return _ran([sys.executable, "-c", _SNAKEMAKE, python, *arguments])


def _ran(command: Sequence[str]) -> int:
    """Run a command to its end. Who ends this process ends that one; so does Ctrl-C, which reaches both.

    With SIGTERM Snakemake waits for the jobs under way. They are short here. `compressing.running`, whose jobs may take hours, interrupts it.
    """
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _loaded() -> Iterator[str]:
    """Yield the socket of a process that has everything loaded; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="edgemin-") as folder:
        place = str(Path(folder, "jobs"))
        command = [sys.executable, "-m", "edgemin.cli.preloaded.server", place]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(LAUNCHER.parents[3]), os.environ.get("PYTHONPATH", "")])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True) as server:
            try:
                assert server.stdout is not None
                if server.stdout.readline() != "ready\n":
                    raise EdgeminError("the process that jobs were to share did not start, for the reason above; try --separate")
                yield place
            finally:
                server.terminate()
