"""Freed memory stays with the process that asked for it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from edgemin.core import memory

MEBIBYTES, TIMES = 48, 8
CODE = f"""
import resource, sys
from edgemin.core.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1:] else None
byte = b"x"
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({TIMES}):
    byte * ({MEBIBYTES} << 20)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(*arguments: str) -> tuple[str, float]:
    """(what the function returned, pages that the system gave for each block, as a share of the block)."""
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    returned, faults = done.stdout.split()
    return returned, int(faults) / TIMES / (MEBIBYTES * 256)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_the_system_gives_a_block_of_memory_once():
    """Of eight equal blocks, each freed before the next, the first alone is new; by default all are."""
    assert pages() == ("None", pytest.approx(1, abs=0.1))
    assert pages("keep") == ("True", pytest.approx(1 / TIMES, abs=0.1))


@pytest.mark.parametrize("error", [OSError, TypeError, None])
def test_a_library_that_cannot_is_left_alone(monkeypatch, error):
    """None: one without the function."""

    def opened(name: None) -> object:
        if error:
            raise error
        return object()

    monkeypatch.setattr(memory.ctypes, "CDLL", opened)
    assert memory.keep_freed_memory() is False
