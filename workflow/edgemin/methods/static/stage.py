"""The distill stage of a static student: vectors out of its parent, taught in phases, and written with its graph."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from edgemin.core.files import read_json, whole_folder
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.data.tokens import Tokens
from edgemin.encoders.families.static.graph import export
from edgemin.encoders.families.static.model import StaticClassifier, StaticConfig, load
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.static.vectors import rarity, reduced, vectors_of
from edgemin.study.distilling import Distill
from edgemin.study.kind import Kind, kind_of
from edgemin.study.static import Static, StaticStudent
from edgemin.training.run import Files, train_and_save

log = logging.getLogger(__name__)


def make_student(settings: Static, parent: Path, tokens: Tokens, kind: Kind, seed: int) -> StaticClassifier:
    """The untrained student: the parent's vectors, reduced and weighted by the tokens' shares of `tokens`; a random head."""
    set_seed(seed)
    vectors = vectors_of(parent, outputs=settings.vectors == "outputs")
    before, labels = read_json(parent / "config.json"), tokens.label_names
    table = reduced(vectors, settings.width) * rarity(tokens.flat, len(vectors), settings.rarity)[:, None]
    config = StaticConfig(
        vocab_size=len(table),
        hidden_size=settings.width,
        intermediate_size=settings.hidden,
        dropout=settings.dropout,
        pad_token_id=before.get("pad_token_id"),
        max_position_embeddings=int(tokens.facts["max_length"]),
        problem_type=kind.problem_type,
        **({"id2label": dict(enumerate(labels))} if labels else {"num_labels": 1}),
    )
    student = StaticClassifier(config)
    with torch.no_grad():
        student.embeddings.weight.copy_(torch.from_numpy(table))
    return student


def distill(parent: Path, teacher_files: teachers.TeacherFiles, files: Files, spec: Mapping[str, Any]) -> None:
    """spec["variant"]: of a Distill with a static student. Beside the checkpoint it writes model.onnx, as a float chain's folder has it."""
    variant, kind = Distill.model_validate(spec["variant"]), kind_of(spec)
    assert isinstance(variant.student, StaticStudent)
    torch.set_num_threads(spec["threads"])
    student = make_student(variant.student.static, parent, Tokens.read(files.tokens), kind, spec["seed"])
    train_and_save(
        student,
        variant.phases,
        term_maker(student, TeacherShape.of(teacher_files.teacher), kind),
        files=files,
        tokenizer=parent,
        spec=spec,
        parents=dict.fromkeys(folder / "model.safetensors" for folder in (parent, teacher_files.teacher)),
        name="distill",
        signals=teachers.reader(teacher_files, parent, spec),
    )
    with whole_folder(files.out) as partial:
        worst = export(load(files.out), partial / "model.onnx")
        log.info("onnx: logits within %.1e of PyTorch", worst)
        made_from = [files.out / "model.safetensors"]
        write_provenance(partial, spec=spec, parents=made_from, name=EXPORT_PROVENANCE, largest_difference=worst)
