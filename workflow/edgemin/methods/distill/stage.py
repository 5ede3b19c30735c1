"""The distill stage: a student, taught in phases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import set_seed

from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.surgery import keep_layers
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.study.distilling import Distill, LayerSubset, OwnSource
from edgemin.study.kind import Kind, kind_of
from edgemin.training.run import Files, train_and_save


def make_student(
    variant: Distill, parent: Path, source: Path | None, kind: Kind, labels: list[str] | None, seed: int
) -> tuple[Classifier, Path]:
    """The untrained student, and the folder of its tokenizer. Raises EdgeminError for layers that the parent lacks."""
    set_seed(seed)  # a new head, where the student brings none
    if isinstance(variant.student, OwnSource):
        assert source is not None
        student = checkpoint.load_source(source, kind=kind, labels=labels, finetuned=False)
        if variant.student.layers:
            keep_layers(student, variant.student.layers)
        return student, source
    student = checkpoint.load(parent)
    if isinstance(variant.student, LayerSubset):
        keep_layers(student, variant.student.layers)
    return student, parent


def distill(
    parent: Path, source: Path | None, teacher_files: teachers.TeacherFiles, files: Files, spec: Mapping[str, Any]
) -> None:
    """spec["variant"]: of a Distill. source: the normalised encoder of `student: {source}`."""
    variant, kind = Distill.model_validate(spec["variant"]), kind_of(spec)
    labels = Tokens.read(files.tokens).label_names
    student, tokenizer = make_student(variant, parent, source, kind, labels, spec["seed"])
    made_from = [parent, teacher_files.teacher, *([source] if source else [])]
    train_and_save(
        student,
        variant.phases,
        term_maker(student, TeacherShape.of(teacher_files.teacher), kind),
        files=files,
        tokenizer=tokenizer,
        spec=spec,
        parents=dict.fromkeys(folder / "model.safetensors" for folder in made_from),
        name="distill",
        signals=teachers.reader(teacher_files, tokenizer, spec),
    )
