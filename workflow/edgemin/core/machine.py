"""The processor of this machine and its features."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from pathlib import Path

# What decides which integer and bf16 kernels run; INT8 answers can differ between CPUs with and without VNNI.
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


_LOAD = Path("/proc/loadavg")
_SAMPLES = 9


def cpu_model() -> str:
    for line in _cpuinfo():
        if line.lower().startswith(("model name", "hardware")):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    for line in _cpuinfo():
        if line.lower().startswith(("flags", "features")):
            present = set(line.split(":", 1)[1].split())
            return [flag for flag in _FLAGS if flag in present]
    return []


def crowded(threads: int) -> bool:
    """Whether a job of so many threads has to share processors with others that want to run now. False where the system does not tell.

    The system counts what runs at a moment, this process included, so it is asked several times.
    """
    seen = []
    for _ in range(_SAMPLES):
        try:
            seen.append(int(_LOAD.read_text(encoding="utf-8").split()[3].split("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return False
        time.sleep(0.02)
    return sorted(seen)[len(seen) // 2] + threads > (os.cpu_count() or 1)


def machine_class(cpu: str | None = None, flags: list[str] | None = None) -> str:
    """A name for machines whose processors compute alike, by default for this one: `amd-epyc-3f2a91`."""
    cpu, flags = cpu_model() if cpu is None else cpu, cpu_flags() if flags is None else flags
    words = re.sub(r"\(r\)|\(tm\)|processor|cpu", " ", cpu.lower())
    name = "-".join(re.findall(r"[a-z0-9]+", words)) or "machine"
    return f"{name}-{hashlib.sha256(' '.join(flags).encode()).hexdigest()[:6]}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
