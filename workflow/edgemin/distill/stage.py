"""The distill stage: a student, taught in phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import set_seed

from edgemin.config.variants import Distill, LayerSubset, OwnSource
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier
from edgemin.encoders.surgery import keep_layers
from edgemin.tasks import store
from edgemin.training.run import train_and_save


def make_student(
    variant: Distill, parent: Path, source: Path | None, labels: list[str] | None, seed: int
) -> tuple[Classifier, Path]:
    """The untrained student, and the folder of its tokenizer. Raises EdgeminError for layers that the parent lacks."""
    set_seed(seed)  # a new head, where the student brings none
    if isinstance(variant.student, OwnSource):
        assert source is not None
        student = checkpoint.load_source(source, labels=labels, finetuned=False)
        if variant.student.layers:
            keep_layers(student, variant.student.layers)
        return student, source
    student = checkpoint.load(parent)
    if isinstance(variant.student, LayerSubset):
        keep_layers(student, variant.student.layers)
    return student, parent


def distill(
    parent: Path,
    teacher: Path,
    source: Path | None,
    transfer: Path | None,
    caches: Sequence[Path],
    data: Path,
    out: Path,
    scratch: Path,
    spec: Mapping[str, Any],
) -> None:
    """spec["variant"]: dump of a Distill. source: the normalised encoder of `student: {source}`. transfer: the
    file of a transfer set. caches: the teacher's signals for it, or for the training split."""
    variant = Distill.model_validate(spec["variant"])
    student, tokenizer = make_student(variant, parent, source, store.label_names(data), spec["seed"])
    parents = [parent / "model.safetensors", teacher / "model.safetensors", *([source / "model.safetensors"] if source else [])]
    train_and_save(
        student,
        variant.phases,
        term_maker(student, TeacherShape.of(teacher)),
        data=data,
        tokenizer_folder=tokenizer,
        out=out,
        scratch=scratch,
        spec=spec,
        parents=dict.fromkeys(parents),
        name="distill",
        transfer=transfer,
        signals=teachers.reader(caches, teacher, tokenizer, data, spec),
    )
