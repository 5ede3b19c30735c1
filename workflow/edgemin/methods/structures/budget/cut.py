"""Scores of all units, the best choice within the budget, and the cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import accumulate
from math import ceil

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.surgery import drop_sublayers, keep_heads, keep_neurons
from edgemin.methods.prune.cuts import scores_of
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.prune.times import Curve, Times, at
from edgemin.methods.structures.budget import Budget
from edgemin.methods.structures.budget.choice import Option, alike, choose_reading
from edgemin.methods.structures.ffn import Ffn
from edgemin.methods.structures.heads import Heads
from edgemin.study.structure import Structure

log = logging.getLogger(__name__)
Counts = Sequence[Sequence[int]]
"""Per layer, the numbers of units that it may keep."""
Scores = Sequence[Sequence[float]]
"""Per layer, a score per unit."""


def cut_to_time(variant: Budget, given: PruneInputs, times: Times) -> Cut:
    """Cut the given model, in place. The facts hold scores, the estimated loss, times in milliseconds and speed-ups over the teacher.

    A model that is within the time already loses at most units of no loss. Raises EdgeminError for a time below that of the fastest shape.
    """
    structure, budget = Structure.of(given.model.config), times.teacher / variant.target.speedup
    heads = [counts(len(layer), variant.least) for layer in structure.heads]
    neurons = [counts(width, variant.least, variant.multiple) for width in structure.intermediate]
    fastest = times.rest + sum(
        min(at(curve, number) for number in numbers)
        for layers, curve in ((heads, times.attention), (neurons, times.ffn))
        for numbers in layers
    )
    fastest += _one_that_reads(heads, times.attention)
    _check(variant.target.speedup, times.teacher / times.predict(structure), times.teacher / fastest)
    of_heads, of_neurons = _scores(variant, given)
    blocks = [
        *options_of(heads, losses(variant.criterion, of_heads), times.attention),
        *options_of(neurons, losses(variant.criterion, of_neurons), times.ffn),
    ]
    left = max(0.0, budget - times.rest) + 1e-9 * budget  # of the fastest shape the last digits may be too many
    chosen = alike(blocks, left) if variant.layers == "alike" else choose_reading(blocks, len(heads), left)
    if chosen is None or not any(option.kept for option in chosen[: len(heads)]):
        raise EdgeminError(
            f"target.speedup: {variant.target.speedup:g} leaves no attention, so the text would not be read; lower it"
        )
    kept = [option.kept for option in chosen]
    keep_best(given.model, of_heads, kept[: len(heads)], of_neurons, kept[len(heads) :])
    after = times.predict(Structure.of(given.model.config))
    log.info("predicted: %.3g ms, %.3g times as fast as the teacher", after, times.teacher / after)
    facts = {"teacher": times.teacher, "before": times.predict(structure), "predicted": after, "fastest": fastest}
    return Cut(
        {
            "scores": {"heads": of_heads, "neurons": of_neurons},
            "loss": sum(option.loss for option in chosen),
            "ms": {**facts, "budget": budget},
            "speedup": {name: times.teacher / ms for name, ms in facts.items() if name != "teacher"},
        }
    )


def _check(wanted: float, now: float, most: float) -> None:
    """now, most: speed-ups before the cut, and of the fastest shape. A model that is fast enough is no error: it may be so on this machine alone."""
    if most < wanted:
        raise EdgeminError(
            f"target.speedup: {wanted:g}, but the fastest shape that may be left is {most:.3g} times as fast as the teacher; lower it, or cut "
            "layers or width first"
        )
    if now >= wanted:
        log.warning("target.speedup: %g, and the model is %.3g times as fast as the teacher before the cut", wanted, now)


def _one_that_reads(heads: Counts, curve: Curve) -> float:
    """Milliseconds of the least attention that some layer keeps; 0 where one cannot lose all of it."""
    if any(min(numbers) for numbers in heads):
        return 0.0
    return min((at(curve, number) for numbers in heads for number in numbers if number), default=0.0)


def counts(units: int, floor: float, multiple: int = 1) -> list[int]:
    """The numbers of units that a block may keep: all that it has, and multiples from the floor, a share, on."""
    least = ceil(round(floor * units, 9))
    return sorted({units, *(kept for kept in range(0, units, multiple) if kept >= least)})


def _scores(variant: Budget, given: PruneInputs) -> tuple[list[list[float]], list[list[float]]]:
    """Of heads and of neurons. By `taylor` only the weights that read a unit count: with all of them a head, which four matrices hold, would
    count twice as much as a neuron, which two hold."""
    sample = given.sample(variant.sentences)
    views = (view(structure=name, criterion=variant.criterion, matrices="output", ratio=0.5) for name, view in _VIEWS)
    heads, neurons = (scores_of(view, given.model, sample, given.seed) for view in views)
    return heads, neurons


_RISES = ("oracle",)
"""Criteria whose score is the rise of the loss itself. Those of the others are slopes by a gate."""


def losses(criterion: str, scores: Scores) -> Scores:
    """What the loss rises by without each unit, up to one factor. Of a slope that is its square (Kwon et al. 2022, arXiv 2204.09656, equation 5): slopes of
    many units point both ways and cancel, so their sizes do not add up."""
    return scores if criterion in _RISES else [[score**2 for score in layer] for layer in scores]


_VIEWS = (("heads", Heads), ("ffn", Ffn))
"""What a criterion asks of a cut. The ratio does not matter to it."""


def options_of(kept: Counts, scores: Scores, curve: Curve) -> list[list[Option]]:
    """Per layer. The loss of a block that keeps k units is the sum of all but the k highest. scores: what each unit adds to the loss."""
    blocks = []
    for numbers, layer in zip(kept, scores, strict=True):
        lost = [0.0, *accumulate(sorted(layer))]
        blocks.append([Option(number, lost[len(layer) - number], at(curve, number)) for number in numbers])
    return blocks


def keep_best(model: Classifier, of_heads: Scores, heads: Sequence[int], of_neurons: Scores, neurons: Sequence[int]) -> None:
    """Keep so many units of each layer, those of the highest scores, in place; a block that keeps none goes. Of equal scores the first go."""
    had = Structure.of(model.config)
    drop_sublayers(
        model,
        attention=[layer for layer, kept in enumerate(heads) if had.heads[layer] and not kept],
        ffn=[layer for layer, kept in enumerate(neurons) if had.intermediate[layer] and not kept],
    )
    keep_heads(model, [_best(scores, kept) for scores, kept in zip(of_heads, heads, strict=True)])
    keep_neurons(model, [_best(scores, kept) for scores, kept in zip(of_neurons, neurons, strict=True)])


def _best(scores: Sequence[float], kept: int) -> list[int]:
    rising = sorted(range(len(scores)), key=lambda position: scores[position])
    return sorted(rising[len(rising) - kept :])
