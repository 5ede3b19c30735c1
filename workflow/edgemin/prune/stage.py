"""The prune stage: score, cut, and if asked for, recover."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edgemin.config.variants import AnyPrune, Cofi, Pruning, Vocabulary
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.structure import Structure
from edgemin.prune.cofi import learn_and_cut
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
    make_term = term_maker(model, TeacherShape.of(teacher))
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, facts, before_phases = parent, {}, None
        if isinstance(variant, Vocabulary):
            tokenizer = Path(folder)
            kept = kept_pieces(parent, [store.read_rows(file) for file in (data / "train.parquet", transfer) if file])
            write_tokenizer(parent, kept, tokenizer)
            facts = {"pieces_before": model.config.vocab_size, "pieces_kept": len(kept)}
            keep_pieces(model, kept)
        elif isinstance(variant, Cofi):
            before_phases = partial(learn_and_cut, model, variant, make_term)
        else:
            facts = cut(model, variant, lambda: read_examples(data, "train", parent, spec["max_length"]), spec["seed"])
        train_and_save(
            model,
            variant.recovery,
            make_term,
            data=data,
            tokenizer_folder=tokenizer,
            out=out,
            scratch=scratch,
            spec=spec,
            parents=dict.fromkeys(
                [
                    parent / "model.safetensors",
                    *([teacher / "model.safetensors"] if variant.phases else []),
                    *([transfer] if transfer and isinstance(variant, Vocabulary) else []),
                ]
            ),
            name="prune",
            transfer=transfer if variant.phases else None,
            signals=teachers.reader(caches, teacher, tokenizer, data, spec),
            before=before_phases,
            facts=lambda: {"pruning": {**facts, **_kept(before, Structure.of(model.config))}},
        )


def _kept(before: Structure, after: Structure) -> dict[str, Any]:
    log.info("heads kept per layer %s, neurons %s", [len(heads) for heads in after.heads], list(after.intermediate))
    return {
        "heads_before": before.heads,
        "heads_kept": after.heads,
        "neurons_before": before.intermediate,
        "neurons_kept": after.intermediate,
    }
