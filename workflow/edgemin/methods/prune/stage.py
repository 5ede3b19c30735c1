"""The prune stage: score, cut, and if asked for, recover."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.encoders import checkpoint
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.prune.inputs import PruneInputs
from edgemin.study.kind import kind_of
from edgemin.study.structure import Structure
from edgemin.study.variants import prune_variant
from edgemin.training.data import read_examples
from edgemin.training.run import Files, train_and_save

log = logging.getLogger(__name__)


def prune(
    parent: Path, tokenizer: Path, sentences: Path, teacher_files: teachers.TeacherFiles, files: Files, spec: Mapping[str, Any]
) -> None:
    """spec["variant"]: of a prune variant. tokenizer: folder of the one that the pruned model gets. sentences: tokens of the training
    split by the parent's, for the criterion. teacher_files: for the recovery phases."""
    variant, kind = prune_variant(spec["variant"]), kind_of(spec)
    model = checkpoint.load(parent)
    before = Structure.of(model.config)
    make_term = term_maker(model, TeacherShape.of(teacher_files.teacher), kind)
    given = PruneInputs(model, kind, lambda: read_examples(sentences, kind, parent), spec["seed"], tokenizer, make_term)
    cut = variant.cut(given)
    made_from = [parent, *([teacher_files.teacher] if variant.phases else [])]
    train_and_save(
        model,
        variant.recovery,
        make_term,
        files=files,
        tokenizer=tokenizer,
        spec=spec,
        parents=dict.fromkeys(folder / "model.safetensors" for folder in made_from),
        name="prune",
        signals=teachers.reader(teacher_files, tokenizer, spec),
        before=cut.before,
        facts=lambda: {"pruning": {**cut.facts, **_kept(before, Structure.of(model.config))}},
    )


def _kept(before: Structure, after: Structure) -> dict[str, Any]:
    log.info("heads kept per layer %s, neurons %s", [len(heads) for heads in after.heads], list(after.intermediate))
    return {
        "heads_before": before.heads,
        "heads_kept": after.heads,
        "neurons_before": before.intermediate,
        "neurons_kept": after.intermediate,
    }
