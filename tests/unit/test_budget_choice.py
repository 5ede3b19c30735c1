"""The choice within a time, against every choice that there is; what a block may keep and what that costs, by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgemin.methods.structures.budget.choice import Option, alike, choose, choose_reading
from edgemin.methods.structures.budget.cut import counts, losses, options_of


def blocks_of(random: np.random.Generator, times) -> list[list[Option]]:
    """Four blocks of up to five options; more units have less loss, as sums of scores have."""
    blocks = []
    for _ in range(4):
        size = int(random.integers(1, 6))
        losses, costs = np.sort(random.random(size))[::-1], times(size)
        blocks.append(
            [Option(kept, float(loss), float(time)) for kept, (loss, time) in enumerate(zip(losses, costs, strict=True))]
        )
    return blocks


def best_loss(blocks: list[list[Option]], budget: float) -> float:
    """Of all choices within the budget."""
    choices = (choice for choice in product(*blocks) if sum(option.time for option in choice) <= budget)
    return min((sum(option.loss for option in choice) for choice in choices), default=np.inf)


@pytest.mark.parametrize("seed", range(60))
def test_the_choice_is_the_best_of_all_where_times_are_whole_ticks(seed):
    """Times from 0 to 9 in any order, a budget from 1 to 30 of as many ticks."""
    random = np.random.default_rng(seed)
    blocks = blocks_of(random, lambda size: random.integers(0, 10, size))
    budget = int(random.integers(1, 31))
    chosen, wanted = choose(blocks, budget, ticks=budget), best_loss(blocks, budget)
    if wanted == np.inf:
        assert chosen is None
        return
    assert sum(option.loss for option in chosen) == pytest.approx(wanted, abs=1e-12)
    assert sum(option.time for option in chosen) <= budget
    assert all(option in options for option, options in zip(chosen, blocks, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_rounding_costs_at_most_a_tick_for_each_block(seed):
    """Any times: within the budget, and as good as all choices within a budget that is less by as many ticks as there are blocks."""
    random = np.random.default_rng(seed)
    blocks = blocks_of(random, random.random)
    budget, ticks = float(random.uniform(0.5, 3)), 200
    chosen = choose(blocks, budget, ticks)
    if chosen is None:
        assert best_loss(blocks, budget) == np.inf
        return
    assert sum(option.time for option in chosen) <= budget
    assert best_loss(blocks, budget) <= sum(option.loss for option in chosen) <= best_loss(blocks, budget * (1 - 4 / ticks))


def test_a_choice_by_hand():
    """10 ms for two blocks: to keep the second whole and half of the first loses 1, the other way round 3."""
    first, second = ([Option(0, 9, 0), Option(1, loss, 4), Option(2, 0, 6)] for loss in (1.0, 3.0))
    assert [option.kept for option in choose([first, second], 10)] == [1, 2]
    assert [option.kept for option in choose([first, second], 12)] == [2, 2]
    assert [option.kept for option in choose([first, second], 8)] == [1, 1]


def test_of_equal_losses_the_faster_is_taken():
    block = [Option(3, 0.5, 2.0), Option(1, 0.5, 1.0), Option(0, 0.7, 0.0)]
    assert choose([block], 5.0)[0].kept == 1


def test_a_budget_that_the_fastest_meets_to_the_last_digit():
    """3 * 0.1 is more than 0.3 in floats; rounding up to ticks would leave no choice."""
    blocks = [[Option(1, 0.0, 0.2), Option(0, 1.0, 0.1)]] * 3
    assert [option.kept for option in choose(blocks, 0.3, ticks=7)] == [0, 0, 0]
    assert choose(blocks, 0.29, ticks=7) is None


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (32, [4, 24, 4, 24]),
        (31.9, [3, 24, 3, 24]),  # 4 heads until a share of 0.875, 24 neurons until 0.833: a head of each layer goes first
        (30, [3, 24, 3, 24]),
        (29.9, [3, 16, 3, 16]),
        (2, [1, 0, 1, 0]),  # a share between 1/8, above which a head stays, and 1/6, above which 8 neurons do
        (1.9, [0, 0, 0, 0]),
    ],
)
def test_layers_alike_keep_the_largest_share_within_the_time(budget, kept):
    """Two layers; a head takes 1 ms, a neuron 0.5."""
    heads = [Option(units, 0.0, float(units)) for units in range(5)]
    neurons = [Option(units, 0.0, units / 2) for units in (0, 8, 16, 24)]
    assert [option.kept for option in alike([heads, neurons] * 2, budget)] == kept


def test_layers_alike_within_no_time():
    """A floor of one head each, 1 ms."""
    assert alike([[Option(1, 0.0, 1.0), Option(2, 0.0, 2.0)]], 0.9) is None


@pytest.mark.parametrize(
    ("units", "floor", "multiple", "kept"),
    [
        (4, 0, 1, [0, 1, 2, 3, 4]),
        (4, 0.25, 1, [1, 2, 3, 4]),
        (4, 0.3, 1, [2, 3, 4]),  # 1.2 heads are two
        (24, 0, 8, [0, 8, 16, 24]),
        (20, 0, 8, [0, 8, 16, 20]),  # all that there are need not be a multiple
        (24, 0.1, 8, [8, 16, 24]),
        (10, 0.3, 1, [3, 4, 5, 6, 7, 8, 9, 10]),  # 0.3 * 10 is 3 in spite of floats
        (0, 0.5, 8, [0]),
    ],
)
def test_what_a_block_may_keep(units, floor, multiple, kept):
    assert counts(units, floor, multiple) == kept


def test_the_loss_of_a_block_is_the_sum_of_the_lowest_scores():
    """Of scores 5, 1, 3: all go for 9, the best stays for 4, two stay for 1. A layer without units has one option."""
    three, none = options_of([[0, 1, 2, 3], [0]], [[5.0, 1.0, 3.0], []], ((1, 2.0), (3, 6.0)))
    assert three == [Option(0, 9.0, 0.0), Option(1, 4.0, 2.0), Option(2, 1.0, 4.0), Option(3, 0.0, 6.0)]
    assert none == [Option(0, 0.0, 0.0)]


@pytest.mark.parametrize("seed", range(40))
def test_some_attention_stays_and_the_choice_is_the_best_of_those(seed):
    """Two blocks of attention and two others, against every choice in which one of the first two keeps a unit."""
    random = np.random.default_rng(seed)
    blocks = blocks_of(random, lambda size: np.sort(random.integers(0, 10, size)))
    budget = int(random.integers(1, 20))
    choices = [choice for choice in product(*blocks) if choice[0].kept or choice[1].kept]
    wanted = [sum(option.loss for option in one) for one in choices if sum(option.time for option in one) <= budget]
    chosen = choose_reading(blocks, 2, budget, ticks=budget)
    if not wanted:
        assert chosen is None
        return
    assert any(option.kept for option in chosen[:2])
    assert sum(option.time for option in chosen) <= budget
    assert sum(option.loss for option in chosen) == pytest.approx(min(wanted), abs=1e-12)


def test_attention_that_costs_too_much_for_its_loss_stays_all_the_same():
    attention = [Option(0, 0.1, 0.0), Option(1, 0.0, 4.0)]
    neurons = [Option(0, 9.0, 0.0), Option(8, 5.0, 2.0), Option(16, 0.0, 6.0)]
    assert [option.kept for option in choose([attention, neurons], 6.1)] == [0, 16]
    assert [option.kept for option in choose_reading([attention, neurons], 1, 6.1)] == [1, 8]
    assert choose_reading([attention, neurons], 1, 3.0) is None


def test_slopes_count_by_their_squares_and_rises_as_they_are():
    """By sizes 100 neurons of 0.01 weigh as much as a head of 1; by squares a hundredth of it."""
    assert losses("michel", [[1.0], [0.01] * 100]) == [[1.0], [pytest.approx(1e-4)] * 100]
    assert losses("taylor", [[0.5, 2.0]]) == [[0.25, 4.0]]
    assert losses("oracle", [[0.5, -0.1]]) == [[0.5, -0.1]]
