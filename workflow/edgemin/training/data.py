"""Examples for the training loop: token ids, a label and, where a term asks for it, what the teacher said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, pad, tokenize
from edgemin.training.labels import NO_LABEL

_SAMPLE_BATCH = 32


class Signals(Protocol):
    """Teacher outputs by example, read lazily."""

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        """name -> tensor with the batch first; per-token signals are padded with zeros to `length`."""


@dataclass
class Examples(Dataset[int]):
    """A split, tokenised. The dataset hands out indices; `collate` makes the batch."""

    tokens: list[dict[str, list[int]]]
    labels: np.ndarray
    pad_id: int

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> int:
        return index

    @property
    def lengths(self) -> list[int]:
        return [len(example["input_ids"]) for example in self.tokens]

    def collate(self, indices: Sequence[int], teacher: Signals | None = None) -> dict[str, Any]:
        """inputs: (B, L) tensors, L a multiple of 8; labels: (B,); teacher: its signals, if any."""
        arrays = pad([self.tokens[index] for index in indices], self.pad_id, multiple=8)
        inputs = {name: torch.from_numpy(values) for name, values in arrays.items()}
        batch: dict[str, Any] = {"inputs": inputs, "labels": torch.from_numpy(self.labels[list(indices)])}
        if teacher is not None:
            batch["teacher"] = teacher.batch(indices, inputs["input_ids"].shape[1])
        return batch


def read_examples(data: Path, split: str | Path, tokenizer_folder: Path, max_length: int) -> Examples:
    """A split, or the file of a transfer set, as the tokenizer of `tokenizer_folder` sees it."""
    rows = store.read_rows(split) if isinstance(split, Path) else store.read_split(data, split)
    tokenizer = load_tokenizer(tokenizer_folder)
    regression = store.label_names(data) is None
    gold = rows["label"].to_numpy(np.float32) if regression else rows["label"].fillna(NO_LABEL).to_numpy(np.int64)
    return Examples(tokenize(tokenizer, rows, max_length), gold, tokenizer.pad_token_id)


def sampled(examples: Examples, count: int, seed: int) -> list[dict[str, Any]]:
    """Batches of `count` examples drawn by the seed, or of all if there are fewer."""
    chosen = np.random.default_rng(seed).permutation(len(examples))[:count].tolist()
    return [examples.collate(chosen[start : start + _SAMPLE_BATCH]) for start in range(0, len(chosen), _SAMPLE_BATCH)]
