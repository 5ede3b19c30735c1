"""What a machine refuses, in one line; and nothing else is taken for it. Time limits within a job: test_job."""

from __future__ import annotations

import errno
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.limits import check_writable, refusal, time_limit


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_arrow_says_of_a_full_disk_is_told() -> None:
    table = pa.table({"id": range(100_000)})
    with (
        pytest.raises(OSError, match="No space left") as error,
        pa.OSFile("/dev/full", "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    assert "the disk is full" in str(refusal(error.value))


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EINVAL])
def test_another_library_s_error_of_another_kind_is_no_refusal(code: int) -> None:
    assert refusal(Exception(f"Error while serializing: I/O error (os error {code})")) is None


def test_a_time_limit_is_told_with_the_option_that_raises_it() -> None:
    with pytest.raises(EdgeminError) as error, time_limit(0.002, "train_teacher"):
        time.sleep(10)
    assert str(error.value) == (
        "took longer than 0.002 minutes, its limit; if it may: --set-resources train_teacher:runtime=<minutes>"
    )


@pytest.mark.parametrize("minutes", [None, 0, 60])
def test_a_body_within_its_time_leaves_no_alarm_behind(minutes: float | None) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(minutes, "quick"):
        assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(minutes)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_an_error_of_the_body_goes_through_the_limit_and_ends_it() -> None:
    with pytest.raises(ZeroDivisionError), time_limit(60, "wrong"):
        raise ZeroDivisionError
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
