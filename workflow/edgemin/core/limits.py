"""One-line errors for limits of a machine: disk space, memory, write permission, time. None is a mistake in a study or a bug."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from edgemin.core.errors import EdgeminError

log = logging.getLogger(__name__)
GRACE = 60
"""Seconds that a job has to clear up after its time limit."""
_DISK = "the disk is full (or a quota is reached); free some space and run snakemake again: finished results are kept"
_MEMORY = (
    "not enough memory; give it more, or run fewer jobs at once (--cores, or --resources mem_mb=<MB>), "
    "or train with a smaller batch_size, and run snakemake again: finished results are kept"
)
_REFUSALS = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EROFS: "the file system is read-only; mount it for writing, or run snakemake with --directory <another folder>",
    errno.EACCES: "no permission; give this user leave to read and write there",
    errno.EPERM: "no permission; give this user leave to read and write there",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n) and run snakemake again",
    errno.ENOMEM: _MEMORY,
}
# Libraries that are not written in Python say it in their own exceptions.
_CODE = re.compile(r"\(os error (\d+)\)")
_WRITER = re.compile(r"iostream error|PytorchStreamWriter failed writing")
_ALLOCATOR = re.compile(r"can't allocate memory|not enough memory|cannot allocate memory|bad alloc|out of memory", re.IGNORECASE)


def refusal(error: BaseException) -> str | None:
    """The limit of the machine that caused `error`, and the remedy. None for any other cause."""
    while True:
        message = _one(error)
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if message or following is None:
            return message
        error = following


def check_writable(folder: str) -> None:
    """Make `folder` and write a temporary file in it. Raises EdgeminError if that fails."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        raise EdgeminError(f"{folder}: cannot be written: {_REFUSALS.get(error.errno or 0, error.strerror)}") from None


def _one(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        where = f"{error.filename}: " if error.filename else ""
        return where + _REFUSALS[error.errno]
    if code := _CODE.search(str(error)):
        return _REFUSALS.get(int(code[1]))
    if isinstance(error, RuntimeError) and _WRITER.search(str(error)):
        return _DISK
    if isinstance(error, RuntimeError) and _ALLOCATOR.search(str(error)):
        return _MEMORY
    return None


class _Over(BaseException):
    """The time is over; no `except Exception` of a library stops it."""


@contextmanager
def time_limit(minutes: float | None, rule: str) -> Iterator[None]:
    """Raise EdgeminError in a body that takes longer; None: there is no limit. rule: whose limit it is.

    Clusters end such jobs themselves; on one machine nobody else does. A body that hangs inside a library, where Python
    cannot interrupt it, is ended with its process a minute later.
    """
    if not minutes:
        yield
        return
    message = f"took longer than {minutes} minutes, its limit; if it may: --set-resources {rule}:runtime=<minutes>"

    def raise_over(*_: Any) -> None:
        raise _Over

    def end() -> None:
        log.error("error: %s", message)
        os._exit(1)

    # An alarm, not an interruption: those are ignored by whatever a shell starts in the background.
    before = signal.signal(signal.SIGALRM, raise_over)
    signal.setitimer(signal.ITIMER_REAL, 60 * float(minutes))
    last = threading.Timer(60 * float(minutes) + GRACE, end)
    last.daemon = True
    last.start()
    try:
        yield
    except _Over:
        raise EdgeminError(message) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        last.cancel()
        signal.signal(signal.SIGALRM, before)
