"""The job of a cut to a time: the prune stage, with the times of shapes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.prune.inputs import PruneInputs
from edgemin.methods.prune.times import Times, check_sizes
from edgemin.methods.structures.budget import Budget
from edgemin.methods.structures.budget.cut import cut_to_time
from edgemin.study.kind import kind_of
from edgemin.study.structure import Structure
from edgemin.training.data import read_examples
from edgemin.training.run import Files, train_and_save


def prune_to_time(
    parent: Path, shapes: Path, sentences: Path, teacher_files: teachers.TeacherFiles, files: Files, spec: Mapping[str, Any]
) -> None:
    """shapes: the file of times. sentences: tokens of the training split, for the criterion. teacher_files: for the recovery phases.

    Raises EdgeminError, with the name of the chain, for a time that cannot be met."""
    variant, kind = Budget.model_validate(spec["variant"]), kind_of(spec)
    model, times = checkpoint.load(parent), Times.read(shapes)
    check_sizes(times, model.config, shapes)
    before = Structure.of(model.config)
    make_term = term_maker(model, TeacherShape.of(teacher_files.teacher), kind)
    given = PruneInputs(model, kind, lambda: read_examples(sentences, kind, parent), spec["seed"])
    try:
        cut = cut_to_time(variant, given, times)
    except EdgeminError as error:
        raise EdgeminError(f"{files.out.name}: {error} (times: {shapes})") from None
    after = Structure.of(model.config)
    made_from = [parent / "model.safetensors", shapes]
    train_and_save(
        model,
        variant.recovery,
        make_term,
        files=files,
        tokenizer=parent,
        spec=spec,
        parents=dict.fromkeys([*made_from, *([teacher_files.teacher / "model.safetensors"] if variant.phases else [])]),
        name="prune",
        signals=teachers.reader(teacher_files, parent, spec),
        facts=lambda: {
            "pruning": {
                **cut.facts,
                "heads_before": before.heads,
                "heads_kept": after.heads,
                "neurons_before": before.intermediate,
                "neurons_kept": after.intermediate,
            }
        },
    )
