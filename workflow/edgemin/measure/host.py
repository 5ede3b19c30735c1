"""The machine that a measurement was made on, written by the measuring job itself."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from edgemin.core.machine import cpu_flags, cpu_model
from edgemin.core.provenance import versions


def host(threads: int) -> dict[str, Any]:
    """Host manifest: CPU, flags, memory, load, threads and versions. No host name, no user, no paths."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "cpu": cpu_model(),
        "flags": cpu_flags(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "governor": governor.read_text().strip() if governor.exists() else None,
        "os": platform.platform(),
        "python": platform.python_version(),
        "threads": threads,
        "load_1min": round(os.getloadavg()[0], 2),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


def pin(threads: int) -> list[int]:
    """Bind this process to `threads` of its CPUs, if the OS allows it. The last CPUs are used, because interrupts go to the first."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    cpus = sorted(os.sched_getaffinity(0))[-threads:]
    os.sched_setaffinity(0, cpus)
    return cpus
