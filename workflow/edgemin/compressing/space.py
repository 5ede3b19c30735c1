"""What is tried by default: some 18 cells of few trainings, by the recipes that won on validation (docs/results.md, docs/log.md).

A branch is a float model that a training made; its tails cost no training. A further kind of model is one more function in BRANCHES. It yields branches with
the links that their chains name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgemin.compressing.branch import BATCH, Branch, Training
from edgemin.compressing.encoder import Encoder
from edgemin.compressing.inputs import Inputs
from edgemin.compressing.sizes import AnySizes, Sizes, StaticSizes
from edgemin.compressing.tails import tails_of, with_cells

if TYPE_CHECKING:
    from edgemin.compressing.speeds import Speeds

DEEP = 8
"""Layers from which on a teacher is not cut itself: its recoveries take too long."""
TEACHER, STATES, PREDICTIONS, RECOVERY = 663, 221, 663, 1326
"""Updates of each training where the recipes were chosen: on fewer rows there are as many, by more epochs."""
WIDTH = 64
"""Of the vectors of a static student."""
SPEEDUPS = (6, 10, 16)
"""Of cuts to a time."""
MATCHED, STATES_BYTES = 4, 4e9
"""At most so many of the teacher's layers give hidden states to a cut of it: the largest such number that divides theirs. They are kept in memory and then
on disk: where they would take more, a cut recovers on predictions alone."""
MATCHING = 1.3
"""A step on hidden states, in steps without: 1.2 to 1.5 for cuts of a 23 M teacher to 6, 10 and 16 times."""
LEAST_KEPT, MOST_KEPT = 0.05, 0.9
"""Shares of heads and neurons, as estimated, between which a cut to a time is tried."""
SURE = 0.6
"""Of the speed of the smallest model: no cut is promised more, since the jobs time it anew."""


def epochs(rows: int, updates: int, least: int = 1, most: int = 40) -> int:
    """So many that there are about `updates` of them, within least and most."""
    return min(most, max(least, math.ceil(updates / steps(rows))))


def steps(rows: int) -> int:
    """Updates of an epoch."""
    return math.ceil(rows / BATCH)


# -- branches ------------------------------------------------------------------------------------------------------------


def teacher_epochs(inputs: Inputs) -> int:
    """0 for a model that is fine-tuned already."""
    return 0 if inputs.teacher.finetuned else epochs(inputs.rows["train"], TEACHER, 2, 8)


def teacher_phases(inputs: Inputs) -> list[dict[str, Any]] | str:
    """The key `training` of the teacher."""
    count = teacher_epochs(inputs)
    return [{"epochs": count, "learning_rate": 5.0e-5}] if count else "none"


def _teacher(inputs: Inputs) -> Iterator[Branch]:
    count, encoder = teacher_epochs(inputs), inputs.teacher
    trained = (_training(encoder.sizes, inputs, count),) if count else ()
    yield Branch(
        "teacher", "teacher", encoder, encoder.sizes, "What does the fine-tuned model score, and what does it cost?", {}, trained
    )


def _own_layers(inputs: Inputs) -> Iterator[Branch]:
    """Half of the teacher's layers; of deep ones a quarter, too."""
    layers = len(inputs.teacher.sizes.heads)
    for name, share in (("half", 2), ("quarter", 4)):
        if layers >= share and (share == 2 or layers >= DEEP):
            kept = list(range(share - 1, layers, share))
            words = f"What do {_many(len(kept), 'layer')} of its {layers} keep?"
            yield _student(inputs, name, inputs.teacher, {"layers": kept}, kept, words, states=layers % len(kept) == 0)


def _packaged_layers(inputs: Inputs) -> Iterator[Branch]:
    """The packaged encoder as a student of a larger teacher: all layers, and half of them."""
    own, other = inputs.teacher.sizes, inputs.packaged.sizes
    if own.linear <= other.linear:
        return
    source = {"source": dict(inputs.packaged.source)}
    every = list(range(len(other.heads)))
    yield _student(inputs, "small", inputs.packaged, source, every, "What does MiniLM-L6-H384 learn from the teacher?")
    words = "And three layers of it?"
    yield _student(inputs, "small_half", inputs.packaged, {**source, "layers": every[1::2]}, every[1::2], words)


def _student(
    inputs: Inputs,
    name: str,
    encoder: Encoder,
    student: Mapping[str, Any],
    layers: list[int],
    question: str,
    states: bool = False,
) -> Branch:
    """Distillation. states: hidden states and attention scores first, which needs the teacher's own layers."""
    rows = inputs.rows["train"]
    first, then = epochs(rows, STATES) if states else 0, epochs(rows, PREDICTIONS if states else STATES + PREDICTIONS, 2)
    phases = [_phase(first, "tinybert", layers=len(layers))] if states else []
    phases.append(_phase(then, "logits"))
    sizes = encoder.sizes.subset(layers)
    training = _training(sizes, inputs, first + then, signals=2 if states else 0)
    links = {"distill": {name: {"student": dict(student), "phases": phases}}}
    return Branch(name, f"teacher/distill-{name}", encoder, sizes, question, links, (training,), "teacher")


def _static(inputs: Inputs) -> Iterator[Branch]:
    """Vectors of tokens, averaged. Of a pair the mean does not tell one text from the other."""
    if isinstance(inputs.task.get("text"), list):
        return
    teacher, count = inputs.teacher, epochs(inputs.rows["train"], PREDICTIONS, 2)
    width = min(WIDTH, teacher.sizes.hidden)
    sizes = StaticSizes(teacher.sizes.vocabulary, width)
    phases = [{**_phase(count, "logits", temperature=2), "learning_rate": 3.0e-3}]
    links = {"distill": {"static": {"student": {"static": {"width": width}}, "phases": phases}}}
    training = replace(_training(sizes, inputs, count, signals=1), alone=sizes.vocabulary)
    words = "No transformer at all, a table of token vectors: what do single words say?"
    yield Branch("static", "teacher/distill-static", teacher, sizes, words, links, (training,), "teacher")


def _halves(inputs: Inputs, branches: list[Branch]) -> Iterator[Branch]:
    """Half of the neurons and of the heads, by their effect on the loss, and a long recovery."""
    count = epochs(inputs.rows["train"], RECOVERY)
    recovery = [_phase(count, "logits", temperature=2)]
    half = {"ratio": 0.5, "scope": "per_layer", "criterion": "michel"}
    links = {
        "prune": {"neurons50": {"structure": "ffn", **half}, "heads50": {"structure": "heads", **half, "recovery": recovery}}
    }
    for branch in branches:
        if not isinstance(branch.sizes, Sizes) or min(branch.sizes.heads) < 2 or min(branch.sizes.neurons) < 16:
            continue
        sizes = branch.sizes.scaled(0.5)
        training = _training(sizes, inputs, count)
        chain = f"{branch.chain}/prune-neurons50/prune-heads50"
        words = f"Half of the neurons and half of the heads of `{branch.name}`: what is left?"
        yield Branch(f"{branch.name}_cut", chain, branch.encoder, sizes, words, links, (training,), branch.name)


def _to_times(inputs: Inputs, speeds: Speeds) -> Iterator[Branch]:
    """The teacher itself cut to a time in gradual steps, each with a recovery: as far as this machine has such times and layers keep enough."""
    teacher, count, tokens = inputs.teacher, epochs(inputs.rows["train"], PREDICTIONS), max(3, round(inputs.tokens))
    chain, parent, matched = "teacher", "teacher", _matched(inputs)
    for speedup in SPEEDUPS:
        kept = speeds.kept(speedup)
        if speedup > SURE * speeds.smallest or not LEAST_KEPT <= kept <= MOST_KEPT:
            continue
        name, sizes = f"to{speedup}", teacher.sizes.scaled(kept)
        cut = {
            "structure": "budget",
            "target": {"speedup": speedup, "tokens": tokens},
            "recovery": [_recovery(count, matched)],
        }
        words = f"Heads and neurons of the teacher cut until it is {speedup} times as fast in dynamic INT8: what is left?"
        chain, first = f"{chain}/prune-{name}", parent == "teacher"  # which has shapes timed, and hidden states made, for all
        training = _training(sizes, inputs, count, signals=int(first and matched > 0))
        training = replace(training, step=MATCHING if matched else 1.0)
        shapes = tokens if first else None
        yield Branch(name, chain, teacher, sizes, words, {"prune": {name: cut}}, (training,), parent, shapes)
        parent = name


def _phase(count: int, objective: str, **settings: Any) -> dict[str, Any]:
    return {"epochs": count, "learning_rate": 1.0e-4, "terms": [{"objective": objective, **settings}]}


def _recovery(count: int, matched: int) -> dict[str, Any]:
    """On predictions and, if any layers are matched, on hidden states."""
    phase = _phase(count, "logits", temperature=2)
    if matched:
        phase["terms"].append({"objective": "cofi_layers", "layers": matched, "weight": 3})
    return phase


def _matched(inputs: Inputs) -> int:
    """Of the teacher's layers: how many give hidden states to its cuts. 0 where they would take too much."""
    teacher = inputs.teacher.sizes
    matched = max(count for count in range(1, MATCHED + 1) if len(teacher.heads) % count == 0)
    one = 2 * inputs.rows["train"] * inputs.tokens * teacher.hidden  # in bf16
    return matched if one * (matched + 1) <= STATES_BYTES else 0


def _training(sizes: AnySizes, inputs: Inputs, count: int, signals: int = 0) -> Training:
    """count: epochs."""
    return Training(sizes, steps(inputs.rows["train"]) * count, count, signals)


BRANCHES: tuple[Callable[[Inputs], Iterator[Branch]], ...] = (_teacher, _static, _own_layers, _packaged_layers)
"""Models that are trained from the teacher, each as it is and, if it has layers, cut to half."""


def deep(inputs: Inputs) -> bool:
    return len(inputs.teacher.sizes.heads) >= DEEP


def space(inputs: Inputs, speeds: Speeds | None = None) -> list[Branch]:
    """Every branch with all of its cells, parents first. speeds: of a teacher that is not deep; it is cut to times, or to half where it has none
    that would do."""
    branches = [branch for make in BRANCHES for branch in make(inputs)]
    to_times = list(_to_times(inputs, speeds)) if speeds and not deep(inputs) else []
    whole = {"teacher", "half"} if deep(inputs) else {"teacher"} if to_times else set()
    branches += [*to_times, *_halves(inputs, [one for one in branches if one.name not in whole])]
    return [with_cells(branch, tails_of(branch, inputs.pieces), inputs.pieces) for branch in branches]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
