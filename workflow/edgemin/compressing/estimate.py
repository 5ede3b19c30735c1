"""About how long each job takes on this machine, and which branches fit into the minutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgemin.compressing.branch import BATCH, RUNTIME, Branch, Cell, Training
from edgemin.compressing.inputs import Inputs
from edgemin.compressing.sizes import Sizes
from edgemin.compressing.space import steps
from edgemin.compressing.thinning import fewer, may_have
from edgemin.compressing.timing import Pace, Paces
from edgemin.core.errors import EdgeminError
from edgemin.plan.paths import Paths

LIGHT = 0.3
"""Start of a job without PyTorch, as a share of one with it."""
ROUNDS, SECONDS = 3, 3.0
"""Of latency: jobs of each cell, and seconds that it is timed in all of them together."""
MODELS = 3
"""That take turns in a round: the teacher, the parent, the cell."""
WARM_UP = 60
"""Calls of each before its time counts."""
SENTENCES = 512
"""That the effect of neurons, and then of heads, on the loss is read from, by a forward and a backward pass each."""
SHAPES, SHAPES_SECONDS = 13, 6.0
"""Of a cut to a time: models that are built, exported and timed for it, the teacher among them, and seconds that each is timed; often that is done twice."""
ALONE = 3
"""Tokens of a text that is one token between the special ones."""
ROUNDING = 3e-6
"""Seconds for each weight that is rounded to four bits, with what it is rounded by: about a minute for 19 million."""
FIXED = 20
"""Light jobs that every study has: data, tokens, tables, plots, page, bundle, and Snakemake's own start."""


@dataclass(frozen=True)
class Work:
    """A job, by a file that it makes."""

    file: str
    seconds: float
    alone: bool = False
    """Whether it takes every core."""


def works_of(branch: Branch, inputs: Inputs, paces: Paces, paths: Paths, task: str) -> list[Work]:
    """All jobs of a branch that no other branch has."""
    pace, light = paces.of[branch.sizes], LIGHT * paces.start
    works = [*_models(branch, inputs, paces, paths, task)]
    rows = inputs.rows["validation"] + inputs.rows["test"]
    for cell in branch.cells:
        works += _links(branch, cell, paces, paths, task)
        folder = paths.measured(task, 0, cell.chain, RUNTIME)
        works += [Work(f"{folder}/quality.json", light + rows / BATCH * pace.batch * 2), Work(f"{folder}/size.json", light)]
        one = paces.start + MODELS * (SECONDS / ROUNDS + WARM_UP * pace.text)
        works += [Work(f"{folder}/rounds/{number}/latency.json", one, alone=True) for number in range(1, ROUNDS + 1)]
        works.append(Work(f"{folder}/latency.json", light))
    return list({work.file: work for work in works}.values())


def _models(branch: Branch, inputs: Inputs, paces: Paces, paths: Paths, task: str) -> Iterable[Work]:
    """Its trainings, with the signals that the teacher gives for them alone, the times of shapes, and the cut before a recovery."""
    model = paths.model(task, 0, branch.chain)
    for training in branch.trainings:
        teacher = paces.start + paces.of[inputs.teacher.sizes].batch * steps(inputs.rows["train"])
        seconds = paces.start + seconds_of(training, paces.of[training.sizes], inputs) + training.signals * teacher
        seconds += training.alone / BATCH * ALONE / inputs.tokens * paces.of[inputs.teacher.sizes].batch
        yield Work(f"{model}/model.safetensors", seconds, alone=True)
    if branch.times_shapes is not None:
        shapes = paths.shapes(task, 0, branch.chain.rpartition("/")[0], RUNTIME, "int8", branch.times_shapes)
        yield Work(shapes, paces.start + SHAPES * (LIGHT * paces.start + SHAPES_SECONDS), alone=True)
    if "heads50" in branch.links.get("prune", ()):
        cut = paths.model(task, 0, branch.chain.rpartition("/")[0])
        yield Work(f"{cut}/model.safetensors", paces.start + 2 * SENTENCES / BATCH * paces.of[branch.sizes].step, alone=True)
    if not branch.trainings:
        yield Work(f"{model}/model.safetensors", paces.start)


def _links(branch: Branch, cell: Cell, paces: Paces, paths: Paths, task: str) -> Iterable[Work]:
    """Export and quantization; a cut of the vocabulary."""
    model = paths.model(task, 0, cell.chain)
    floats = model if cell.form == "float" else model.rpartition("/")[0]
    if not floats.endswith(branch.chain):
        yield Work(f"{floats}/model.safetensors", paces.start)
    if not branch.static:
        yield Work(f"{floats}/model.onnx", 2 * paces.start)
    if cell.form != "float":
        rounding = ROUNDING * branch.sizes.linear if isinstance(branch.sizes, Sizes) and cell.form == "int4" else 0
        yield Work(f"{model}/model.onnx", paces.start + rounding)


def seconds_of(training: Training, pace: Pace, inputs: Inputs) -> float:
    """Of a training, without the start of its process: updates, and an answer to the validation split after every epoch."""
    return training.updates * training.step * pace.step + training.epochs * steps(inputs.rows["validation"]) * pace.batch


def total(works: Iterable[Work], cores: int) -> float:
    """Seconds of these jobs: one after the other those that run alone, the others side by side."""
    works = list(works)
    return sum(work.seconds for work in works if work.alone) + sum(work.seconds for work in works if not work.alone) / cores


def fixed_seconds(paces: Paces) -> float:
    """Of the jobs that every study has."""
    return FIXED * LIGHT * paces.start


@dataclass(frozen=True)
class Estimated:
    """A space, cut to what fits."""

    branches: list[Branch]
    works: dict[str, list[Work]]
    """Branch -> its jobs."""
    left_out: list[str]
    """One line for each thing, with the reason."""
    cores: int
    fixed: float
    """Seconds of what every study has."""

    @property
    def seconds(self) -> float:
        return self.fixed + total([work for works in self.works.values() for work in works], self.cores)

    def of(self, branch: Branch) -> float:
        return total(self.works[branch.name], self.cores)


def estimate(
    branches: Sequence[Branch], left_out: list[str], works: dict[str, list[Work]], cores: int, fixed: float, minutes: float | None
) -> Estimated:
    """The branches that fit into the minutes, the cheapest first; a branch needs the one that it is made from.

    left_out: lines on what is left out already. works: branch -> jobs that are still to be done. Raises EdgeminError if not one training fits.
    """
    limit = float("inf") if minutes is None else 60 * minutes
    cost = {name: total(own, cores) for name, own in works.items()}
    kept, waiting, spent = {"teacher"}, [one for one in branches if one.name != "teacher"], fixed + cost["teacher"]
    cheapest = min((cost[one.name] for one in waiting if one.parent == "teacher"), default=0.0)
    needed = spent if branches[0].trainings else spent + cheapest
    if needed > limit:
        raise EdgeminError(
            f"--minutes {minutes:g}: one training and its measurements take about {in_minutes(needed)} on this machine; give more, or fewer rows"
        )
    while ready := [one for one in waiting if one.parent in kept and spent + cost[one.name] <= limit]:
        next_one = min(ready, key=lambda one: cost[one.name])
        kept.add(next_one.name)
        waiting.remove(next_one)
        spent += cost[next_one.name]
    lines = [
        f"{one.name}: would take about {in_minutes(cost[one.name])}, more than is left of --minutes {minutes:g}"
        for one in waiting
    ]
    chosen = [one for one in branches if one.name in kept]
    return Estimated(chosen, {one.name: works[one.name] for one in chosen}, [*left_out, *lines], cores, fixed)


def check_bytes(
    estimated: Estimated, branches: Sequence[Branch], works: dict[str, list[Work]], megabytes: float, minutes: float
) -> None:
    """Raises EdgeminError if what fits into the minutes has no cell that may be small enough, though more minutes would."""
    if any(may_have(one, megabytes) for one in estimated.branches):
        return
    known = {one.name: one for one in branches}
    needed = []
    for branch in (one for one in branches if may_have(one, megabytes)):
        way = {"teacher", branch.name}
        while (parent := branch.parent) is not None:
            branch = known[parent]
            way.add(parent)
        needed.append(estimated.fixed + sum(total(works[name], estimated.cores) for name in way))
    raise EdgeminError(
        f"--minutes {minutes:g}: leave no cell that may have {megabytes:g} MB or fewer; the quickest of those takes about "
        f"{in_minutes(min(needed))} on this machine: give more, or a larger --max-mb"
    )


def in_minutes(seconds: float) -> str:
    """At least one."""
    return f"{max(1, round(seconds / 60))} min"


def thinned(branches: list[Branch], megabytes: float | None) -> tuple[list[Branch], list[str]]:
    """At most as many cells as a default space has, and lines on those left out."""
    kept, large, others = fewer(branches, megabytes)
    lines = [f"{', '.join(large)}: more than {megabytes:g} MB"] if large else []
    return kept, [*lines, *([f"{', '.join(others)}: further cells of models that are there in other forms"] if others else [])]
