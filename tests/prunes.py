"""Prune jobs on a small task, as the workflow runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.files import read_json
from edgemin.encoders import checkpoint
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.prune.stage import prune
from edgemin.study.structure import Structure
from edgemin.training.run import Files

SPEC = {"metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}


def prune_into(
    out: Path,
    parent: Path,
    tokens: Path,
    variant: dict,
    texts: Path | None = None,
    tokenizer: Path | None = None,
    teacher_files: TeacherFiles | None = None,
) -> dict[str, Any]:
    """Run the job; returns its history.

    tokens: folder of those of the splits. texts: what the recovery reads, by the tokenizer that the model gets; the training
    split, if nothing is said. tokenizer: folder of that tokenizer; the parent's. teacher_files: of the parent, without signals.
    """
    texts = texts or tokens / "train.arrow"
    prune(
        parent,
        tokenizer or parent,
        sentences=tokens / "train.arrow",
        teacher_files=teacher_files or TeacherFiles(parent, texts),
        files=Files(texts, tokens / "validation.arrow", out, out.parent / "scratch"),
        spec={**SPEC, "variant": variant},
    )
    return read_json(out / "history.json")


def pruned(model: Any, save: Any, tokens: Path, folder: Path, variant: dict) -> tuple[Structure, dict[str, Any]]:
    """The structure that the job leaves of a model, in `folder`/out, and what it tells."""
    history = prune_into(folder / "out", save(model, folder / "model"), tokens, variant)
    return Structure.of(checkpoint.load(folder / "out").config), history
