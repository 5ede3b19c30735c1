"""Chains as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from edgemin.study.chains import Chain, Link
from edgemin.study.floor import is_baseline


def joined(links: Iterable[Link]) -> str:
    """With an arrow in between."""
    return " → ".join(map(str, links))


def recipe(chain: str) -> str:
    """`distill-logits` and `prune-heads25` of `teacher/distill-logits/prune-heads25`, with an arrow in between."""
    if is_baseline(chain):
        return "a baseline, without a transformer"
    return joined(Chain.parse(chain).links) or "the teacher itself"
