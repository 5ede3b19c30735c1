"""Examples for the training loop: token ids, a label and, where a term needs them, the teacher's outputs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

from edgemin.data.tokens import Tokens
from edgemin.study.kind import Kind

log = logging.getLogger(__name__)
_SAMPLE_BATCH = 32


class Signals(Protocol):
    """Teacher outputs by example, read lazily."""

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        """name -> tensor with the batch first; per-token signals are padded with zeros to `length`."""


@dataclass
class Examples(Dataset[int]):
    """A tokenised split. The dataset yields indices; `collate` turns indices into a batch."""

    tokens: Tokens
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> int:
        return index

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example."""
        return self.tokens.lengths

    def collate(self, indices: Sequence[int], teacher: Signals | None = None) -> dict[str, Any]:
        """inputs: (B, L) tensors, L a multiple of 8; labels: (B, ...); teacher: its signals, if any."""
        inputs = {name: torch.from_numpy(values) for name, values in self.tokens.batch(indices, multiple=8).items()}
        batch: dict[str, Any] = {"inputs": inputs, "labels": torch.from_numpy(self.labels[list(indices)])}
        if teacher is not None:
            batch["teacher"] = teacher.batch(indices, inputs["input_ids"].shape[1])
        return batch


def read_examples(tokens: Path, kind: Kind, tokenizer: Path) -> Examples:
    """Read a token file and its labels. tokenizer: folder of the model that reads the tokens.

    Raises EdgeminError if another tokenizer made the tokens.
    """
    tokenised = Tokens.read(tokens, tokenizer)
    return Examples(tokenised, kind.scores().gold(tokenised.column("label")))


def sampled(examples: Examples, count: int, seed: int) -> list[dict[str, Any]]:
    """Batches of `count` examples, drawn at random by the seed. If there are fewer, all are taken, with a line in the log."""
    if count > len(examples):
        log.info("sentences: %d requested, %d available: all of them are read", count, len(examples))
    chosen = np.random.default_rng(seed).permutation(len(examples))[:count].tolist()
    return [examples.collate(chosen[start : start + _SAMPLE_BATCH]) for start in range(0, len(chosen), _SAMPLE_BATCH)]
