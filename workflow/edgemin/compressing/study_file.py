"""The study as a file to read and edit: every key with a line on why it is as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import yaml

from edgemin.compressing.any_cpu import forms
from edgemin.compressing.branch import RUNTIME, Branch
from edgemin.compressing.encoder import Encoder
from edgemin.compressing.estimate import ROUNDS, SECONDS
from edgemin.compressing.folder import TASK
from edgemin.compressing.inputs import Inputs
from edgemin.compressing.request import Request, recommend
from edgemin.compressing.space import teacher_phases
from edgemin.compressing.tails import VOCABULARY

WIDTH = 130
BLOCKS = ("tasks", "teacher", "distill", "prune", "quantize", "cells", "cascades")
"""Keys with a line, or several, for each of what they name."""
BASELINES: Mapping[str, Mapping[str, Any]] = {"majority": {}, "tfidf": {"min_rows": 1}}
"""Of texts in which no word occurs twice there is something to count, too."""
CELLS = "Each training once; INT8, four bits and a smaller vocabulary cost none. `question` is what the cell is there for."
WHY = {
    "study": None,
    "tasks": "The data. Validation and test are drawn from the file, stratified; choices are made on validation, test is only reported.",
    "teacher": None,
    "baselines": "Do you need a transformer at all? The most frequent answer, and word counts with a linear model.",
    "distill": "Students: the teacher's hidden states and attention scores where the layers are its own, then its predictions; a static one has no layers.",
    "prune": "Heads and neurons, by their effect on the loss, until INT8 is so many times as fast as the teacher, or half of every layer's, then a recovery; word pieces that no training text uses.",
    "quantize": "Ranges of activations are fixed ahead, by training texts: an answer does not depend on what else is in the batch; with `reduce_range: true` (--any-cpu) nor on whether the CPU has VNNI.",
    "cells": CELLS,
    "cascades": "Members answer one after another, until one is sure enough. Chosen when the cells were measured; no candidate of the recommendation.",
    "acceptance": "A quantized cell that answers too differently from its float parent is never shipped. Probabilities may move, though: on hard texts they do.",
    "recommend": "What may be shipped. Change a limit and run again: only the recommendation is made again.",
    "page": None,
    "seeds": "One seed: figures are of these models, not of the recipes. With [0, 1, 2, 3] they are of both, in four times the hours.",
    "runtimes": None,
    "threads": None,
    "latency": None,
}


def study_of(request: Request, inputs: Inputs, branches: Sequence[Branch], threads: int) -> dict[str, Any]:
    """The study as YAML reads it. threads: of a training."""
    links: dict[str, dict[str, Any]] = {"distill": {}, "prune": {}, "quantize": {}}
    for branch in branches:
        for stage, variants in branch.links.items():
            links[stage].update(variants)
    cells = {cell.name: {"chain": cell.chain, "question": cell.question} for branch in branches for cell in branch.cells}
    used = {part for cell in cells.values() for part in cell["chain"].split("/")}
    links["prune"] |= {"vocabulary": dict(VOCABULARY)} if "prune-vocabulary" in used else {}
    links["quantize"] |= {name: one for name, one in forms(request.any_cpu).items() if f"quantize-{name}" in used}
    return {
        "study": request.name,
        "tasks": {TASK: inputs.task},
        "teacher": {"source": _source(inputs.teacher), "training": teacher_phases(inputs)},
        "baselines": BASELINES,
        **{stage: variants for stage, variants in links.items() if variants},
        "cells": cells,
        "acceptance": {"divergence": None},
        "recommend": recommend(request),
        "page": ["recommendation", "stagewise"],
        "seeds": [0],
        "runtimes": [RUNTIME],
        "threads": {"training": threads, "inference": 1},
        "latency": {"rounds": ROUNDS, "seconds": SECONDS, "calls": 300, "batches": 0},
    }


def with_cascades(text: str, cascades: Mapping[str, Any]) -> str:
    """The text of a study that nobody edited, with this key after its cells."""
    head = [line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("#"), text.splitlines())]
    study, ordered = yaml.safe_load(text), dict[str, Any]()
    for key, value in study.items():
        ordered |= {key: value} if key != "cascades" else {}
        ordered |= {"cascades": dict(cascades)} if key == "cells" and cascades else {}
    return text_of(ordered, head)


def _source(encoder: Encoder) -> dict[str, Any]:
    return dict(encoder.source)


def text_of(study: Mapping[str, Any], head: Sequence[str]) -> str:
    """YAML with comments. head: lines above everything."""
    parts = ["".join(f"# {line}\n" for line in head)]
    for key, value in study.items():
        why = WHY.get(key)
        lines = [f"# {why}"] if why else []
        lines += (
            [f"{key}:", *(f"  {line}" for name, one in value.items() for line in _lines(name, one))]
            if key in BLOCKS
            else _lines(key, value)
        )
        parts.append("".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def _lines(key: str, value: Any) -> list[str]:
    """A key and its value: in one line where that is short, else a line for each part."""
    name, flow = _flow(key), _flow(value)
    if not isinstance(value, Mapping | list) or len(name) + len(flow) <= WIDTH:
        return [f"{name}: {flow}"]
    if isinstance(value, Mapping):
        return [f"{name}:", *(f"  {line}" for one, part in value.items() for line in _lines(one, part))]
    return [f"{name}:", *(f"  - {_flow(one)}" for one in value)]


def _flow(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Plain, sort_keys=False, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.strip().removesuffix("\n...")


class _Plain(yaml.SafeDumper):
    """Without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
