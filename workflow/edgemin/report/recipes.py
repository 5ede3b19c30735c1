"""Chains as people write them."""

from __future__ import annotations

from edgemin.study.chains import Chain
from edgemin.study.floor import is_baseline


def recipe(chain: str) -> str:
    """`distill-logits` and `prune-heads25` of `teacher/distill-logits/prune-heads25`, with an arrow in between."""
    if is_baseline(chain):
        return "a baseline, without a transformer"
    return " → ".join(map(str, Chain.parse(chain).links)) or "the teacher itself"
