"""The prune stage: score, cut, and if asked for, recover."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.config.variants import Heads
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import keep_heads
from edgemin.prune.criteria import head_magnitude
from edgemin.prune.selection import select
from edgemin.training.run import train_and_save

log = logging.getLogger(__name__)


def prune(
    parent: Path,
    teacher: Path,
    transfer: Path | None,
    caches: Sequence[Path],
    data: Path,
    out: Path,
    scratch: Path,
    spec: Mapping[str, Any],
) -> None:
    """spec["variant"]: dump of a Heads. teacher, transfer, caches: for the recovery phases."""
    variant = Heads.model_validate(spec["variant"])
    model = checkpoint.load(parent)
    before = Structure.of(model.config)
    scores = [layer.tolist() for layer in head_magnitude(model, variant.p)]
    kept = select(scores, variant.ratio, variant.scope)
    keep_heads(model, kept)
    after = Structure.of(model.config)
    log.info("heads: %d of %d kept, per layer %s", after.kept_heads, before.kept_heads, [len(heads) for heads in after.heads])
    train_and_save(
        model,
        variant.recovery,
        term_maker(model, TeacherShape.of(teacher)),
        data=data,
        tokenizer_folder=parent,
        out=out,
        scratch=scratch,
        spec=spec,
        parents=dict.fromkeys([parent / "model.safetensors", *([teacher / "model.safetensors"] if variant.recovery else [])]),
        name="prune",
        transfer=transfer if variant.recovery else None,
        signals=lambda train: teachers.signals(
            caches, teacher, parent, data, transfer or data / "train.parquet", train, spec["max_length"], spec["precision"]
        ),
        facts={"pruning": {"scores": scores, "heads_before": before.heads, "heads_kept": after.heads}},
    )
