"""Scores -> what stays."""

from __future__ import annotations

from collections.abc import Sequence

from edgemin.core.errors import EdgeminError


def select(
    scores: Sequence[Sequence[float]],
    ratio: float,
    scope: str,
    floor: int = 1,
    multiple: int = 1,
    units: str = "heads",
    must_cut: bool = True,
) -> list[list[int]]:
    """Per layer, the positions to keep after cutting round(ratio * number) of the lowest scores.

    scope: `global` ranks all layers together, `per_layer` cuts the same share in each. floor: the least number of units of a
    layer; global ranking then takes the next lowest elsewhere. multiple: every layer keeps the nearest multiple of this
    number (at most what it has, at least the floor). Ties go by position.
    Raises EdgeminError if the floor cannot be met, or if nothing would be cut, unless `must_cut` is false.
    """
    counts = [len(layer) for layer in scores]
    if scope == "per_layer":
        cuts = [round(ratio * count) for count in counts]
    else:
        cuts = _global_cuts(scores, round(ratio * sum(counts)), floor, ratio, units)
    cuts = [_rounded(count, cut, floor, multiple) for count, cut in zip(counts, cuts, strict=True)]
    for number, (count, cut) in enumerate(zip(counts, cuts, strict=True)):
        if count and count - cut < floor:
            raise EdgeminError(
                f"ratio {ratio} would leave {count - cut} of {count} {units} in layer {number}, the floor is {floor}; lower the ratio"
            )
    if must_cut and not any(cuts):
        raise EdgeminError(f"ratio {ratio} of {sum(counts)} {units} cuts none; raise the ratio")
    return [sorted(_rising(layer)[cut:]) for layer, cut in zip(scores, cuts, strict=True)]


def _rising(scores: Sequence[float]) -> list[int]:
    """Positions by score; equal ones by position."""
    return sorted(range(len(scores)), key=lambda position: scores[position])


def _rounded(count: int, cut: int, floor: int, multiple: int) -> int:
    """The cut that leaves the nearest multiple; a layer that loses nothing keeps what it has."""
    if multiple == 1 or not cut:
        return cut
    kept = max(round((count - cut) / multiple), -(-floor // multiple), 1) * multiple
    return count - min(kept, count)


def _global_cuts(scores: Sequence[Sequence[float]], total: int, floor: int, ratio: float, units: str) -> list[int]:
    ranked = sorted((score, number) for number, layer in enumerate(scores) for score in layer)
    cuts = [0] * len(scores)
    for _, number in ranked:
        if sum(cuts) == total:
            break
        if len(scores[number]) - cuts[number] > floor:
            cuts[number] += 1
    if sum(cuts) < total:
        raise EdgeminError(
            f"ratio {ratio} cuts {total} {units}, a floor of {floor} per layer allows {sum(cuts)}; lower the ratio"
        )
    return cuts


def kept_layers(count: int, drop: int, strategy: str, similarity: Sequence[float] = ()) -> list[int]:
    """Layers, counted from 0, that are kept when `drop` of `count` are dropped.

    `top` drops the last layers, `bottom` the first. `symmetric` drops the middle ones (the upper of two middles first).
    `alternate` drops every other one from the last but one down, then the rest from the top. `contribution` drops those whose output
    is most like their input, by `similarity` (Sajjad et al. 2020, arXiv 2004.03844). Raises EdgeminError if none would be kept.
    """
    if drop >= count:
        raise EdgeminError(f"drop: {drop} of {count} layers would leave none; lower it")
    order = {
        "top": lambda: list(range(count - 1, -1, -1)),
        "bottom": lambda: list(range(count)),
        "symmetric": lambda: sorted(range(count), key=lambda layer: (abs(layer - (count - 1) / 2), -layer)),
        "alternate": lambda: [*range(count - 2, -1, -2), *range(count - 1, -1, -2)],
        "contribution": lambda: sorted(range(count), key=lambda layer: -similarity[layer]),
    }[strategy]()
    return sorted(order[drop:])


def layers_that_keep(has: Sequence[object], drop: int, strategy: str, similarity: Sequence[float]) -> list[int]:
    """Layers that keep a part (attention or FFN) when `drop` of them lose it. `kept_layers` chooses among those that have it.

    has: per layer, a true value if it has the part. similarity: of every layer.
    """
    present = [layer for layer, part in enumerate(has) if part]
    similar = [similarity[layer] for layer in present] if similarity else []
    return [present[position] for position in kept_layers(len(present), drop, strategy, similar)]
