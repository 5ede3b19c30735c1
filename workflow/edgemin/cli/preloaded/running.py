"""Snakemake with jobs that share what one process has loaded."""

from __future__ import annotations

import os
import shlex
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
        return subprocess.run([sys.executable, "-m", "snakemake", *arguments], check=False).returncode
    with _loaded() as place:
        python = shlex.join([sys.executable, "-I", "-S", str(LAUNCHER), place, sys.executable])
        return subprocess.run([sys.executable, "-c", _SNAKEMAKE, python, *arguments], check=False).returncode


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
