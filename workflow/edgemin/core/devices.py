"""Which GPU a job uses. Rules with the resource `gpu` get one that no other job holds. Other rules get none."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

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
    """Make one device visible to PyTorch, or none if not `wanted`. Enter it before torch is imported.

    A single device is shared by all jobs, within the limit of Snakemake's `--resources gpu=...`; a cluster gives each job
    its own. With several devices, each job holds one by a lock in the folder for temporary files.
    """
    seen = devices() if wanted else []
    if wanted and not seen:
        log.warning("no GPU here: computes on the CPU")
    if len(seen) < 2:
        os.environ[VARIABLE] = "".join(seen)
        yield
        return
    name, lock = _free(seen)
    try:
        os.environ[VARIABLE] = name
        yield
    finally:
        lock.release()


def _free(names: list[str]) -> tuple[str, BaseFileLock]:
    """Wait for a free device; return it and its lock, which is held. The lock of a job that dies is released."""
    from filelock import FileLock, Timeout

    logged = False
    while True:
        for name in names:
            file = Path(tempfile.gettempdir(), f"edgemin-{os.getuid()}-gpu-{name.replace('/', '_')}.lock")
            lock = FileLock(file, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            return name, lock
        if not logged:
            log.info("all %d GPUs are held by other jobs: waiting for one", len(names))
            logged = True
        time.sleep(_POLL)
