"""Files to delete after a successful run."""

from __future__ import annotations

from pathlib import Path

from edgemin.plan.plan import Plan


def clear_signals(plan: Plan) -> None:
    """Delete the teachers' cached signals, large and quickly made again, unless the study keeps them."""
    if not plan.study.teacher_cache.keep:
        for file in Path(plan.root, "caches").rglob("*.safetensors"):
            file.unlink()
