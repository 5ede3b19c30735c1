"""What a machine refuses, in one line; and nothing else is taken for it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edgemin.errors import EdgeminError
from edgemin.refusals import check_writable, refusal


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
        (RuntimeError("basic_ios::clear: iostream error"), "the disk is full"),
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


def test_a_refusal_that_was_dealt_with_is_not_told() -> None:
    """`raise ... from None` says that what came before is not the reason."""
    error = ValueError("a bug")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert "the disk is full" in str(refusal(error))
    error.__suppress_context__ = True
    assert refusal(error) is None


@pytest.mark.parametrize(
    "error", [ValueError("memory"), KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "a"), RuntimeError("shapes")]
)
def test_bugs_are_not_taken_for_refusals(error: Exception) -> None:
    assert refusal(error) is None


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(str(tmp_path / "results" / "own"))
    assert list((tmp_path / "results" / "own").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file in its place")
    with pytest.raises(EdgeminError, match=r"results/own: cannot be written: "):
        check_writable(str(tmp_path / "results" / "own"))
