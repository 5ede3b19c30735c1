"""The teacher of a stage: from its cache, or live where no cache was made; checked to fit the student."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.data.tokens import Tokens, pieces_line_up
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.methods.distill.signals import CachedSignals, JoinedSignals, LiveSignals, bytes_of, write_cache
from edgemin.study.kind import kind_of
from edgemin.training.data import Examples, Signals, read_examples
from edgemin.training.precision import resolve

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TeacherFiles:
    """The inputs of a stage from its teacher."""

    teacher: Path
    """Folder of its checkpoint."""
    tokens: Path
    """The texts that the stage trains on, by the teacher's tokenizer."""
    caches: Sequence[Path] = ()
    """Manifests of its signals about them."""

    def facts(self) -> dict[str, str]:
        """Digests of everything that a cache depends on."""
        return {"teacher": sha256(self.teacher / "model.safetensors"), "data": sha256(self.tokens)}

    def read(self, spec: Mapping[str, Any]) -> tuple[Classifier, Examples]:
        """The model, on the GPU if there is one, and the texts."""
        model = checkpoint.load(self.teacher)
        examples = read_examples(self.tokens, kind_of(spec), self.teacher)
        return model.to("cuda") if torch.cuda.is_available() else model, examples


def cache(teacher_files: TeacherFiles, need: str, manifest: Path, spec: Mapping[str, Any]) -> None:
    """Run the teacher over the texts and write the signals of one need. Above the size limit, the teacher runs live instead.

    manifest: the small JSON file that Snakemake tracks. The signal file is beside it. It may be deleted when every job that
    reads it is done; a later job computes it again. (If the signal itself were a temporary output, Snakemake would
    train all students again as soon as one new student needs it.) spec: limit_gb, precision, threads, kind.
    """
    torch.set_num_threads(spec["threads"])
    model, texts = teacher_files.read(spec)
    size, seconds = bytes_of(model, texts, need), 0.0
    live = size > spec["limit_gb"] * 1e9
    if live:
        log.info("%s would take %.2f GB, the limit is %g: the teacher will run in every step", need, size / 1e9, spec["limit_gb"])
    else:
        seconds = write_cache(model, texts, need, _signal_of(manifest), resolve(spec["precision"]), teacher_files.facts())
    write_json(manifest, {"need": need, "live": live, "bytes": size, "seconds": round(seconds, 3), **teacher_files.facts()})


def _signal_of(manifest: Path) -> Path:
    return manifest.with_suffix(".safetensors")


def reader(teacher_files: TeacherFiles, tokenizer: Path, spec: Mapping[str, Any]) -> Callable[[Examples], Signals | None]:
    """A function from the examples that a stage trains on to its teacher's signals. tokenizer: folder of the student's."""
    return lambda examples: signals(teacher_files, tokenizer, spec, examples)


def signals(teacher_files: TeacherFiles, tokenizer: Path, spec: Mapping[str, Any], examples: Examples) -> Signals | None:
    """The teacher's signals out of its caches; live where one was too large to store; None for no manifests.

    Raises EdgeminError if token-level signals do not line up with the student's pieces.
    """
    if not teacher_files.caches:
        return None
    records = {manifest: read_json(manifest) for manifest in teacher_files.caches}
    if any(record["need"] != "logits" for record in records.values()):
        _check_pieces(teacher_files, tokenizer, examples.tokens)
    stored = [_signal_of(manifest) for manifest, record in records.items() if not record["live"]]
    live = [record["need"] for record in records.values() if record["live"]]
    missing = [file for file in stored if not file.exists()]
    if not (missing or live):
        return CachedSignals(stored, examples, teacher_files.facts())
    precision = resolve(spec["precision"])
    model, texts = teacher_files.read(spec)
    for file in missing:
        log.info("%s was cleared away; computing it again", file.name)
        write_cache(model, texts, file.stem, file, precision, teacher_files.facts())
    cached = CachedSignals(stored, examples, teacher_files.facts())
    return JoinedSignals(cached, LiveSignals(model, texts, live, precision)) if live else cached


def _check_pieces(teacher_files: TeacherFiles, tokenizer: Path, tokens: Tokens) -> None:
    differs = pieces_line_up(tokens, Tokens.read(teacher_files.tokens), tokenizer, teacher_files.teacher)
    if differs is not None:
        raise EdgeminError(
            f"teacher and student split the text {differs[:60]!r} of {tokens.file} into different pieces; token-level terms (all but "
            "labels, logits and preference) need the same: use logits, or a student with the teacher's vocabulary"
        )
