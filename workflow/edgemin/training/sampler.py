"""Batches whose order depends on (seed, epoch) only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

_GROUP = 50  # batches that are sorted by length together: little padding, much shuffling


class LengthGroupedSampler(Sampler[int]):
    """Indices such that consecutive runs of `batch_size` have similar lengths.

    lengths: tokens per example. An incomplete batch comes last. transformers' own length-grouped sampler takes its order from the
    state of a generator (the global one, unless it is given another), so a resumed run would have to restore that; here it follows from two numbers.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def batches(self) -> list[np.ndarray]:
        """The batches of the current epoch, in order."""
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(len(self.lengths))
        size = self.batch_size * _GROUP
        groups = [order[start : start + size] for start in range(0, len(order), size)]
        order = np.concatenate([group[np.argsort(-self.lengths[group], kind="stable")] for group in groups])
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        last = [batches.pop()] if len(batches[-1]) < self.batch_size else []
        return [batches[index] for index in random.permutation(len(batches))] + last

    def __iter__(self) -> Iterator[int]:
        for batch in self.batches():
            yield from batch.tolist()
