"""The root of every chain: an encoder fine-tuned on the task, or one that came fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import set_seed

from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.study.distilling import Teacher
from edgemin.study.kind import kind_of
from edgemin.training.run import Files, train_and_save


def train_teacher(encoder: Path, files: Files, spec: Mapping[str, Any]) -> None:
    """encoder: a normalised source. spec["teacher"]: of the study's `teacher`."""
    teacher, kind = Teacher.model_validate(spec["teacher"]), kind_of(spec)
    finetuned = teacher.training == "none"
    set_seed(spec["seed"])  # the new head
    labels = Tokens.read(files.tokens).label_names
    model = checkpoint.load_source(encoder, kind=kind, labels=labels, finetuned=finetuned)
    train_and_save(
        model,
        [] if teacher.training == "none" else teacher.training,  # type: ignore[arg-type]
        lambda term: term.build(model, None, kind),
        files=files,
        tokenizer=encoder,
        spec=spec,
        parents=[encoder / "model.safetensors"],
        name="teacher",
    )
