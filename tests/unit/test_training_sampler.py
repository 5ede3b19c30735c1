from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgemin.training.sampler import LengthGroupedSampler

LENGTHS = np.random.default_rng(0).integers(3, 60, 1003).tolist()


def sampler(seed: int = 0, epoch: int = 0, size: int = 16) -> LengthGroupedSampler:
    made = LengthGroupedSampler(LENGTHS, size, seed)
    made.set_epoch(epoch)
    return made


def padding(order: list[int], size: int = 16) -> int:
    """Padded positions of an epoch: each batch is as long as its longest example."""
    batches = [[LENGTHS[index] for index in order[start : start + size]] for start in range(0, len(order), size)]
    return sum(max(batch) * len(batch) - sum(batch) for batch in batches)


def test_order_is_a_function_of_seed_and_epoch():
    assert list(sampler(1, 2)) == list(sampler(1, 2))
    orders = {tuple(sampler(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


@pytest.mark.parametrize(
    ("size", "batches", "last"), [(16, 63, 11), (17, 59, 17), (1003, 1, 1003), (2000, 1, 1003), (1, 1003, 1)]
)
def test_every_example_once_and_an_incomplete_batch_last(size, batches, last):
    """1003 = 62 * 16 + 11 = 59 * 17."""
    made = sampler(size=size)
    assert sorted(made) == list(range(1003))
    assert [len(batch) for batch in made.batches()] == [size] * (batches - 1) + [last]
    assert (len(made), made.batches_per_epoch) == (1003, batches)


def test_batches_of_like_lengths_need_less_padding_than_random_ones():
    """Sorted runs of 800 leave a sixteenth of 800/16 = 50 equal steps in a batch: about 1/50 of the spread, not all of it."""
    random = np.random.default_rng(1).permutation(1003).tolist()
    assert padding(list(sampler())) < 0.1 * padding(random)


def test_long_and_short_batches_are_mixed():
    """Batches of one group are shuffled: the lengths of the first 50 do not fall as they were sorted."""
    means = [np.mean([LENGTHS[index] for index in batch]) for batch in sampler().batches()[:50]]
    assert sum(a > b for a, b in itertools.pairwise(means)) not in (0, 49)
