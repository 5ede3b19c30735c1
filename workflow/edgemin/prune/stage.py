"""The prune stage: score, cut, and if asked for, recover."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from edgemin.config.variants import AnyPrune, Ffn, Layers, Pruning, Units, Vocabulary, Weights, Width
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier, hidden_width, layers_of
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import keep_heads, keep_layers, keep_neurons
from edgemin.encoders.width import keep_width, width_magnitude
from edgemin.prune.criteria import hidden_sizes, reads_data, sampled, score
from edgemin.prune.layers import similarities
from edgemin.prune.selection import kept_layers, select
from edgemin.prune.vocabulary import keep_pieces, kept_pieces, write_tokenizer
from edgemin.prune.weights import cut_weights, freeze_zeros
from edgemin.tasks import store
from edgemin.training.data import Examples, read_examples
from edgemin.training.run import train_and_save

log = logging.getLogger(__name__)


def cut(model: Classifier, variant: Pruning, examples: Callable[[], Examples], seed: int) -> dict[str, Any]:
    """Score and cut `model` in place; returns what was found, for the history. examples: gives the training split, if it is read."""
    if isinstance(variant, Layers):
        similarity = (
            similarities(model, sampled(examples(), variant.sentences, seed)) if variant.strategy == "contribution" else []
        )
        kept = kept_layers(len(layers_of(model)), variant.drop, variant.strategy, similarity)
        keep_layers(model, kept)
        return {"similarity": similarity, "layers_kept": kept}
    if isinstance(variant, Weights):
        cut_weights(model, variant.ratio, variant.scope, variant.criterion, seed)
        freeze_zeros(model)
        return {}
    if isinstance(variant, Width):
        kept = cut_width(model, variant, examples, seed)
        return {"width_kept": kept}
    assert isinstance(variant, Units)
    return {"scores": cut_units(model, variant, examples, seed)} if variant.ratio else {}


def cut_width(model: Classifier, variant: Width, examples: Callable[[], Examples], seed: int) -> list[int]:
    """Returns the dimensions that stay."""
    if variant.criterion == "activation":
        scores = hidden_sizes(model, sampled(examples(), variant.sentences, seed))
    elif variant.criterion == "random":
        width = hidden_width(model.config)
        scores = torch.rand(width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    else:
        scores = width_magnitude(model)
    multiple = math.lcm(variant.multiple, int(model.config.num_attention_heads))
    (kept,) = select([scores.tolist()], variant.ratio, "global", multiple, multiple, "dimensions")
    keep_width(model, kept)
    return kept


def cut_units(model: Classifier, variant: Units, examples: Callable[[], Examples], seed: int) -> list[list[float]]:
    """In `variant.iterations` steps, scoring anew before each; returns the first scores, per layer."""
    keep = {"heads": keep_heads, "ffn": keep_neurons}[variant.structure]
    multiple = variant.multiple if isinstance(variant, Ffn) else 1
    batches = sampled(examples(), variant.sentences, seed) if reads_data(variant) else []
    first: list[list[float]] = []
    for step in range(1, variant.iterations + 1):
        scores = [layer.tolist() for layer in score(model, variant, batches, seed)]
        first = first or scores
        whole, left = sum(map(len, first)), sum(map(len, scores))
        # as much of what is left as brings the cut to this step's share of the whole
        ratio = max(0.0, (variant.ratio * whole * step / variant.iterations - (whole - left)) / left)
        must_cut = step == variant.iterations and left == whole
        keep(model, select(scores, ratio, variant.scope, variant.floor, multiple, variant.structure, must_cut))
    return first


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
            signals=lambda train: teachers.signals(
                caches, teacher, tokenizer, data, transfer or data / "train.parquet", train, spec["max_length"], spec["precision"]
            ),
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
