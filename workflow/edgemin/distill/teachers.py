"""The teacher of a stage: from its cache, or live where no cache was made; checked to fit the student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemin.distill.signals import CachedSignals, write_cache
from edgemin.encoders import checkpoint
from edgemin.errors import EdgeminError
from edgemin.files import sha256
from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, pieces_line_up
from edgemin.training.data import Examples
from edgemin.training.precision import resolve
from edgemin.training.run import examples


def facts(teacher: Path, data: Path) -> dict[str, str]:
    """What a cache depends on."""
    return {
        "teacher": sha256(teacher / "model.safetensors"),
        "data": sha256(data / "train.parquet"),
        "tokenizer": sha256(teacher / "tokenizer.json"),
    }


def cache(teacher: Path, data: Path, need: str, file: Path, max_length: int, precision: str, threads: int) -> None:
    """Run the teacher over the training split and write one signal of it."""
    import torch

    torch.set_num_threads(threads)
    model = checkpoint.load(teacher)
    if torch.cuda.is_available():
        model.to("cuda")
    write_cache(model, examples(data, "train", teacher, max_length), need, file, resolve(precision), facts(teacher, data))


def cached(
    files: Sequence[Path], teacher: Path, student_tokenizer: Path, data: Path, train: Examples, max_length: int
) -> CachedSignals:
    """Open the caches. Raises EdgeminError if token-level signals do not line up with the student's pieces."""
    signals = CachedSignals(files, train, facts(teacher, data))
    if signals.slices:
        rows = store.read_split(data, "train")
        differs = pieces_line_up(load_tokenizer(teacher), load_tokenizer(student_tokenizer), rows, max_length)
        if differs:
            raise EdgeminError(
                f"teacher and student split {differs[:60]!r} into different pieces; token-level terms (minilmv2) need the same: "
                "use logits, or a student with the teacher's vocabulary"
            )
    return signals
