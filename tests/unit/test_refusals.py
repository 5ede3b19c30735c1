"""What a machine refuses, in one line; and nothing else is taken for it."""

from __future__ import annotations

import errno

import pytest

from edgemin.refusals import refusal


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: the file system is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: no permission"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (MemoryError(), "not enough memory"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: can't allocate memory"),
            "not enough memory",
        ),
    ],
)
def test_told(error: Exception, said: str) -> None:
    assert said in str(refusal(error))


def test_told_through_another_exception() -> None:
    error = ValueError("could not write")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert "the disk is full" in str(refusal(error))


@pytest.mark.parametrize(
    "error", [ValueError("memory"), KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "a"), RuntimeError("shapes")]
)
def test_bugs_are_not_taken_for_refusals(error: Exception) -> None:
    assert refusal(error) is None
