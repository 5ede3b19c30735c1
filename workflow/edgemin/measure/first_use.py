"""Cost of a model before its first answer: time and peak memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def first_use(opened: Callable[[], Any], inputs: Any) -> tuple[Any, dict[str, float | None]]:
    """Open a model and ask it once; returns it, and `cold_start_ms` and `peak_memory_mb`.

    In a process that has not used the runtime yet, so that its import counts; files may be in the system's cache. Memory is what the
    process grew by at its highest, in 10^6 bytes; None where the system does not tell.
    """
    before = _restart_peak()
    started = time.perf_counter_ns()
    model = opened()
    model(inputs)
    milliseconds = (time.perf_counter_ns() - started) / 1e6
    peak = None if before is None else _kilobytes("VmHWM")
    grown = None if peak is None or before is None else max(0.0, (peak - before) * 1024 / 1e6)
    return model, {"cold_start_ms": milliseconds, "peak_memory_mb": grown}


def _restart_peak() -> int | None:
    """Resident memory, in kB, from which the system's record of the peak starts anew (Linux: proc(5), clear_refs)."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return None
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> int | None:
    lines = _STATUS.read_text(encoding="utf-8").splitlines() if _STATUS.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
