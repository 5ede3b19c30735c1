"""Whether INT8 comes out otherwise on this processor. These functions are copied into `predict.py`, whose names they use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def another_cpu(facts: dict[str, Any]) -> str:
    """A line, where integers saturate on this processor and did not where the model was measured, or the other way round; else nothing."""
    here = _vnni(_flags())
    if not facts.get("saturates") or here is None or here == (there := _vnni(facts["measured_with"])):
        return ""
    if here:
        return "this CPU has VNNI, and the one that measured this INT8 model has not: some answers can differ; see README.md, Across CPUs"
    return (
        f"this CPU has no VNNI, and the one that measured this INT8 model {'has' if there else 'is of another kind'}: its integers saturate here, and some "
        "answers can differ; see README.md, Across CPUs"
    )


def _vnni(flags: Sequence[str]) -> bool | None:
    """Whether an x86 processor has VNNI. None for others, whose integers do not saturate."""
    return any("vnni" in flag for flag in flags) if "avx2" in flags else None


def _flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
