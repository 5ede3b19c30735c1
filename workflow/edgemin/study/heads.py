"""Do the outputs of encoders that came with a classifier fit a task, as far as configs and headers tell? Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.study.expected import canonical
from edgemin.study.family import family_of
from edgemin.study.foreign import output_rows
from edgemin.study.header import read_header, weight_files
from edgemin.study.outputs import contradiction, outputs
from edgemin.study.pins import encoder_name
from edgemin.study.study import Study


def problems(
    study: Study, task: str, encoders: Mapping[str, tuple[Mapping[str, Any], Path]], label_names: list[str] | None
) -> Iterator[str]:
    """encoders: name -> config and folder. label_names: of the prepared data, if they are there already; else the study's."""
    names = label_names or study.tasks[task].label_names
    if names is None and study.tasks[task].asks.classes:
        return  # known when the data are prepared
    finetuned = encoder_name(study.teacher.source) if study.teacher.training == "none" else None
    for name, (config, folder) in encoders.items():
        rows, there = _rows(config, folder)
        if name == finetuned:
            if there and rows is None:
                yield f"teacher.training: none, but {name} has no classifier among its weights; give phases, or a fine-tuned model"
            else:
                yield from _finetuned(task, names, config, rows)
        elif rows not in (None, len(names) if names else 1):
            yield (
                f"tasks.{task}: {name} comes with a classifier of {rows} outputs, the task has {len(names) if names else 'one value'}; "
                "save the model without it (AutoModel), or take another"
            )


def _rows(config: Mapping[str, Any], folder: Path) -> tuple[int | None, bool]:
    """Outputs of the classifier in the folder's weights, and whether there are weights to ask."""
    try:
        weight_files(folder)
    except EdgeminError:
        return None, False
    family, tensors = family_of(config), read_header(folder)
    return output_rows({new: tensors[name] for name, new in canonical(tensors, family).items()}, family), True


def _finetuned(task: str, names: list[str] | None, config: Mapping[str, Any], rows: int | None) -> Iterator[str]:
    """Whether a fine-tuned model's outputs are the task's classes, in the same order where the model names them."""
    try:
        theirs, wrong = outputs(config, rows), contradiction(config)
    except EdgeminError as error:
        yield f"teacher: config.json: {error}"
        return
    if wrong:
        yield f"teacher: config.json: {wrong}"
    if len(theirs) != (len(names) if names else 1):
        yield (
            f"teacher: the fine-tuned model has {len(theirs)} outputs ({', '.join(theirs[:5])}), "
            f"task {task} has {len(names) if names else 'one value'}; check label_names"
        )
    elif names and not all(name.upper().startswith("LABEL_") for name in theirs) and _elsewhere(names, theirs):
        yield f"tasks.{task}.label_names: {', '.join(names)}, but the model's outputs are {', '.join(theirs)}; write them in its order"


def _elsewhere(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether a common name has another position."""
    return any(ours[place] != name for name, place in places(ours, theirs).items())


def places(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, int]:
    """Each of our names that is among theirs -> its place there. Names are alike as they are written; or but for case and white space around them, if
    all names of each side still differ then."""
    mine, others = ([name.strip().lower() for name in one] for one in (ours, theirs))
    if set(ours) <= set(theirs) or any(len(set(one)) < len(one) for one in (mine, others)):
        return {name: theirs.index(name) for name in ours if name in theirs}
    return {name: others.index(folded) for name, folded in zip(ours, mine, strict=True) if folded in others}
