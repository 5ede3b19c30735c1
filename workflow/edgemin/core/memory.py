"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes

# Options of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1  # bytes that are free at the end of the heap; mallopt takes an int


def keep_freed_memory() -> bool:
    """Let this process use freed memory again in place of handing it back to the system; whether the C library can. No number changes.

    By default glibc maps each block of more than 32 MiB anew, and the system zeroes its pages. In a training the gradient of the word embeddings is
    such a block, in every update: docs/reliability.md has the figures. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # no such function; TypeError is Windows
        return False
    return mallopt(_MMAP_MAX, 0) == mallopt(_TRIM_THRESHOLD, _NEVER) == 1
