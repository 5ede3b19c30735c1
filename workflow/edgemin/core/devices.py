"""Which GPU a job computes on: one that no other job holds, for rules that have the resource `gpu`; none for the others."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)
VARIABLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia/gpus")
_POLL = 5  # seconds


def devices() -> list[str]:
    """What PyTorch may see: numbers, or names where the variable holds names. Asks the driver, not PyTorch, which would remember."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number, _ in enumerate(_DRIVER.iterdir())] if _DRIVER.is_dir() else []


@contextmanager
def one_device(wanted: bool) -> Iterator[None]:
    """Show PyTorch one device, or none if not `wanted`; has to be entered before it is imported.

    With a single device there is nothing to choose, so it is shared as far as Snakemake's `--resources gpu=...` lets it be; a
    cluster gives each job its own. Of several, each job holds one by a lock in the folder for temporary files.
    """
    seen = devices() if wanted else []
    if wanted and not seen:
        log.warning("no GPU here: computes on the CPU")
    if len(seen) < 2:
        os.environ[VARIABLE] = "".join(seen)
        yield
        return
    name, lock = _free(seen)
    with lock:
        os.environ[VARIABLE] = name
        yield


def _free(names: list[str]) -> tuple[str, IO[str]]:
    """A device that nobody holds, and the open file whose lock holds it; waits for one. A job that dies lets go."""
    told = False
    while True:
        for name in names:
            file = Path(tempfile.gettempdir(), f"edgemin-{os.getuid()}-gpu-{name.replace('/', '_')}.lock")
            lock = file.open("w", encoding="utf-8")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return name, lock
        if not told:
            log.info("all %d GPUs are held by other jobs: waits for one", len(names))
            told = True
        time.sleep(_POLL)
