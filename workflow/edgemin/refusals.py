"""What a machine refuses to give, in one line: room on disk, memory, leave to write. None of it is a mistake in a study or a bug."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from tempfile import TemporaryFile

from edgemin.errors import EdgeminError

_DISK = "the disk is full (or a quota is reached); make room and run snakemake again: what is finished stays"
_MEMORY = (
    "not enough memory; give it more, or run fewer jobs at once (--cores, or --resources mem_mb=<MB>), "
    "or train with a smaller batch_size, and run snakemake again: what is finished stays"
)
_SAID = {
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
    """What the machine refused and what to do, if that is why `error` was raised; None for anything else."""
    while True:
        said = _one(error)
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if said or following is None:
            return said
        error = following


def check_writable(folder: str) -> None:
    """Make `folder`, and a file in it that goes again. Raises EdgeminError if that cannot be done."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        raise EdgeminError(f"{folder}: cannot be written: {_SAID.get(error.errno or 0, error.strerror)}") from None


def _one(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _SAID:
        where = f"{error.filename}: " if error.filename else ""
        return where + _SAID[error.errno]
    if code := _CODE.search(str(error)):
        return _SAID.get(int(code[1]))
    if isinstance(error, RuntimeError) and _WRITER.search(str(error)):
        return _DISK
    if isinstance(error, RuntimeError) and _ALLOCATOR.search(str(error)):
        return _MEMORY
    return None
