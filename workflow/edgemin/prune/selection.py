"""Scores -> what stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgemin.errors import EdgeminError


def select(scores: Sequence[Sequence[float]], ratio: float, scope: str, floor: int = 1) -> list[list[int]]:
    """Per layer, the positions to keep after cutting round(ratio * number) of the lowest scores.

    scope: `global` ranks all layers together, `per_layer` cuts the same share in each. floor: units that a layer keeps
    in any case; global ranking then takes the next lowest elsewhere. Ties go by position.
    Raises EdgeminError if the floor cannot be met or nothing would be cut.
    """
    counts = [len(layer) for layer in scores]
    if scope == "per_layer":
        cuts = [round(ratio * count) for count in counts]
    else:
        cuts = _global_cuts(scores, round(ratio * sum(counts)), floor, ratio)
    for number, (count, cut) in enumerate(zip(counts, cuts, strict=True)):
        if count - cut < floor:
            raise EdgeminError(
                f"ratio {ratio} would leave {count - cut} of {count} heads in layer {number}, the floor is {floor}; lower the ratio"
            )
    if not any(cuts):
        raise EdgeminError(f"ratio {ratio} of {sum(counts)} heads cuts none; raise the ratio")
    return [sorted(np.argsort(layer, kind="stable")[cut:].tolist()) for layer, cut in zip(scores, cuts, strict=True)]


def _global_cuts(scores: Sequence[Sequence[float]], total: int, floor: int, ratio: float) -> list[int]:
    ranked = sorted((score, number) for number, layer in enumerate(scores) for score in layer)
    cuts = [0] * len(scores)
    for _, number in ranked:
        if sum(cuts) == total:
            break
        if len(scores[number]) - cuts[number] > floor:
            cuts[number] += 1
    if sum(cuts) < total:
        raise EdgeminError(f"ratio {ratio} cuts {total} heads, a floor of {floor} per layer allows {sum(cuts)}; lower the ratio")
    return cuts
