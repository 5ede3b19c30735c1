"""The teacher of a stage: from its cache, or live where no cache was made; checked to fit the student."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.distill.signals import CachedSignals, JoinedSignals, LiveSignals, bytes_of, write_cache
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.files import read_json, sha256, write_json
from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, pieces_line_up
from edgemin.training.data import Examples, Signals, read_examples
from edgemin.training.precision import resolve

log = logging.getLogger(__name__)


def facts(teacher: Path, rows: Path) -> dict[str, str]:
    """What a cache depends on. rows: the file of the training split or of a transfer set."""
    return {
        "teacher": sha256(teacher / "model.safetensors"),
        "data": sha256(rows),
        "tokenizer": sha256(teacher / "tokenizer.json"),
    }


def cache(
    teacher: Path,
    data: Path,
    rows: Path,
    need: str,
    manifest: Path,
    max_length: int,
    precision: str,
    threads: int,
    limit_gb: float,
) -> None:
    """Run the teacher over the rows and write one need of them, or above the limit leave it to be run live.

    manifest: the small JSON file that Snakemake tracks; the signal stands beside it and may be deleted once every job
    that reads it is done: whoever needs it later computes it again. (With the signal itself as a temporary output,
    Snakemake would train all students again as soon as one new student wanted it.)
    """
    import torch

    torch.set_num_threads(threads)
    model, train = _load(teacher), read_examples(data, rows, teacher, max_length)
    size, seconds = bytes_of(model, train, need), 0.0
    live = size > limit_gb * 1e9
    if live:
        log.info("%s would take %.2f GB, the limit is %g: the teacher will run in every step", need, size / 1e9, limit_gb)
    else:
        seconds = write_cache(model, train, need, _signal_of(manifest), resolve(precision), facts(teacher, rows))
    write_json(manifest, {"need": need, "live": live, "bytes": size, "seconds": round(seconds, 3), **facts(teacher, rows)})


def _signal_of(manifest: Path) -> Path:
    return manifest.with_suffix(".safetensors")


def _load(teacher: Path) -> Classifier:
    import torch

    model = checkpoint.load(teacher)
    return model.to("cuda") if torch.cuda.is_available() else model


def reader(
    manifests: Sequence[Path], teacher: Path, student_tokenizer: Path, data: Path, spec: Mapping[str, Any]
) -> Callable[[Path, Examples], Signals | None]:
    """A function from a stage's rows, file and examples, to its teacher's signals: see `signals`."""
    return lambda rows, train: signals(
        manifests, teacher, student_tokenizer, data, rows, train, spec["max_length"], spec["precision"]
    )


def signals(
    manifests: Sequence[Path],
    teacher: Path,
    student_tokenizer: Path,
    data: Path,
    rows: Path,
    train: Examples,
    max_length: int,
    precision: str,
) -> Signals | None:
    """The teacher's signals out of its caches; live where one was too large to store; None for no manifests.

    Raises EdgeminError if token-level signals do not line up with the student's pieces.
    """
    if not manifests:
        return None
    told = {manifest: read_json(manifest) for manifest in manifests}
    if any(record["need"] != "logits" for record in told.values()):
        _check_pieces(teacher, student_tokenizer, rows, max_length)
    stored = [_signal_of(manifest) for manifest, record in told.items() if not record["live"]]
    live = [record["need"] for record in told.values() if record["live"]]
    missing = [file for file in stored if not file.exists()]
    if not (missing or live):
        return CachedSignals(stored, train, facts(teacher, rows))
    model, own = _load(teacher), read_examples(data, rows, teacher, max_length)
    for file in missing:
        log.info("%s was cleared away; computing it again", file.name)
        write_cache(model, own, file.stem, file, resolve(precision), facts(teacher, rows))
    cached = CachedSignals(stored, train, facts(teacher, rows))
    return JoinedSignals(cached, LiveSignals(model, own, live, resolve(precision))) if live else cached


def _check_pieces(teacher: Path, student_tokenizer: Path, rows: Path, max_length: int) -> None:
    differs = pieces_line_up(load_tokenizer(teacher), load_tokenizer(student_tokenizer), store.read_rows(rows), max_length)
    if differs:
        raise EdgeminError(
            f"teacher and student split {differs[:60]!r} into different pieces; token-level terms (all but labels, logits and "
            "preference) need the same: use logits, or a student with the teacher's vocabulary"
        )
