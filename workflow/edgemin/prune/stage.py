"""The prune stage: score, cut, and if asked for, recover."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edgemin.config.variants import AnyPrune, Pruning, Vocabulary
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.structure import Structure
from edgemin.prune.cuts import cut
from edgemin.prune.vocabulary import keep_pieces, kept_pieces, write_tokenizer
from edgemin.tasks import store
from edgemin.training.data import read_examples
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
    """spec["variant"]: dump of a prune variant. teacher, transfer, caches: for the recovery phases."""
    variant: Pruning = TypeAdapter(AnyPrune).validate_python(spec["variant"])
    model = checkpoint.load(parent)
    before = Structure.of(model.config)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, facts = parent, {}
        if isinstance(variant, Vocabulary):
            tokenizer = Path(folder)
            kept = kept_pieces(parent, [store.read_rows(file) for file in (data / "train.parquet", transfer) if file])
            write_tokenizer(parent, kept, tokenizer)
            facts = {"pieces_before": model.config.vocab_size, "pieces_kept": len(kept)}
            keep_pieces(model, kept)
        else:
            facts = cut(model, variant, lambda: read_examples(data, "train", parent, spec["max_length"]), spec["seed"])
        after = Structure.of(model.config)
        log.info("heads kept per layer %s, neurons %s", [len(heads) for heads in after.heads], list(after.intermediate))
        train_and_save(
            model,
            variant.recovery,
            term_maker(model, TeacherShape.of(teacher)),
            data=data,
            tokenizer_folder=tokenizer,
            out=out,
            scratch=scratch,
            spec=spec,
            parents=dict.fromkeys(
                [
                    parent / "model.safetensors",
                    *([teacher / "model.safetensors"] if variant.recovery else []),
                    *([transfer] if transfer and isinstance(variant, Vocabulary) else []),
                ]
            ),
            name="prune",
            transfer=transfer if variant.recovery else None,
            signals=teachers.reader(caches, teacher, tokenizer, data, spec),
            facts={
                "pruning": {
                    **facts,
                    "heads_before": before.heads,
                    "heads_kept": after.heads,
                    "neurons_before": before.intermediate,
                    "neurons_kept": after.intermediate,
                }
            },
        )
