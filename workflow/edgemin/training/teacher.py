"""The root of every chain: an encoder fine-tuned on the task, or one that came fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import set_seed

from edgemin.config.study import Teacher
from edgemin.encoders import checkpoint
from edgemin.tasks import store
from edgemin.training.labels import LabelsTerm
from edgemin.training.run import train_and_save


def train_teacher(encoder: Path, data: Path, out: Path, scratch: Path, spec: Mapping[str, Any]) -> None:
    """encoder: a normalised source. spec["teacher"]: dump of the study's `teacher`."""
    teacher = Teacher.model_validate(spec["teacher"])
    finetuned = teacher.training == "none"
    set_seed(spec["seed"])  # the new head
    model = checkpoint.load_source(encoder, labels=store.label_names(data), finetuned=finetuned)
    train_and_save(
        model,
        [] if teacher.training == "none" else teacher.training,
        lambda config: LabelsTerm(config, model),
        data=data,
        tokenizer_folder=encoder,
        out=out,
        scratch=scratch,
        spec=spec,
        parents=[encoder / "model.safetensors"],
        name="teacher",
    )
