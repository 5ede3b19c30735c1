"""The teacher of a stage: from its cache, or live where no cache was made; checked to fit the student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.distill.signals import CachedSignals, JoinedSignals, LiveSignals, write_cache
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.files import sha256
from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, pieces_line_up
from edgemin.training.data import Examples, Signals
from edgemin.training.precision import resolve
from edgemin.training.run import examples


def facts(teacher: Path, data: Path) -> dict[str, str]:
    """What a cache depends on."""
    return {
        "teacher": sha256(teacher / "model.safetensors"),
        "data": sha256(data / "train.parquet"),
        "tokenizer": sha256(teacher / "tokenizer.json"),
    }


def cache(
    teacher: Path, data: Path, need: str, file: Path, max_length: int, precision: str, threads: int, limit_gb: float
) -> None:
    """Run the teacher over the training split and write one signal of it."""
    import torch

    torch.set_num_threads(threads)
    train = examples(data, "train", teacher, max_length)
    write_cache(_load(teacher), train, need, file, resolve(precision), facts(teacher, data), limit_gb * 1e9)


def _load(teacher: Path) -> Classifier:
    import torch

    model = checkpoint.load(teacher)
    return model.to("cuda") if torch.cuda.is_available() else model


def signals(
    files: Sequence[Path], teacher: Path, student_tokenizer: Path, data: Path, train: Examples, max_length: int, precision: str
) -> Signals | None:
    """The teacher's signals out of its caches; live where one was too large to store; None for no files.

    Raises EdgeminError if token-level signals do not line up with the student's pieces.
    """
    if not files:
        return None
    cached = CachedSignals(files, train, facts(teacher, data))
    if cached.slices or any(need != "logits" for need in cached.live):
        rows = store.read_split(data, "train")
        differs = pieces_line_up(load_tokenizer(teacher), load_tokenizer(student_tokenizer), rows, max_length)
        if differs:
            raise EdgeminError(
                f"teacher and student split {differs[:60]!r} into different pieces; token-level terms (minilmv2) need the same: "
                "use logits, or a student with the teacher's vocabulary"
            )
    if not cached.live:
        return cached
    own = examples(data, "train", teacher, max_length)
    return JoinedSignals(cached, LiveSignals(_load(teacher), own, cached.live, resolve(precision)))
