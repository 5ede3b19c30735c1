"""Scores and what stays by them, and which layers stay, by hand."""

from __future__ import annotations

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.methods.structures.selection import kept_layers, layers_that_keep, select


@pytest.mark.parametrize(
    ("scores", "ratio", "scope", "kept"),
    [
        ([[4, 1, 3, 2], [8, 7, 6, 5]], 0.25, "per_layer", [[0, 2, 3], [0, 1, 2]]),
        ([[4, 1, 3, 2], [8, 7, 6, 5]], 0.5, "per_layer", [[0, 2], [0, 1]]),
        ([[4, 1, 3, 2], [8, 7, 6, 5]], 0.25, "global", [[0, 2], [0, 1, 2, 3]]),
        ([[4, 1, 3, 2], [8, 7, 6, 5]], 0.5, "global", [[0], [0, 1, 2]]),  # layer 0 keeps its best, layer 1 loses 5 in its place
        ([[4, 1, 3, 2], [8, 7, 6, 5]], 0.75, "global", [[0], [0]]),
        ([[1, 9], [1, 2, 3, 4, 5, 6]], 0.5, "global", [[1], [3, 4, 5]]),  # layers of unlike sizes: 4 of 8 go
        ([[1, 9], [1, 2, 3, 4, 5, 6]], 0.5, "per_layer", [[1], [3, 4, 5]]),
        ([[1, 1, 1, 1], [1, 1, 1, 1]], 0.5, "per_layer", [[2, 3], [2, 3]]),  # ties: the first go
        ([[1, 1, 1, 1], [1, 1, 1, 1]], 0.25, "global", [[2, 3], [0, 1, 2, 3]]),
        ([[2, 1, 2, 1]], 0.75, "global", [[2]]),
        ([[1, 2, 3, 4]] * 3, 0.29, "global", [[1, 2, 3]] * 3),  # round(3.48) = 3
    ],
)
def test_selection_by_hand(scores, ratio, scope, kept):
    assert select(scores, ratio, scope) == kept


def test_a_floor_is_kept_and_the_next_lowest_goes_elsewhere():
    assert select([[1, 2, 3], [4, 5, 6]], 0.34, "global", floor=2) == [[1, 2], [1, 2]]
    with pytest.raises(EdgeminError, match=r"ratio 0.5 cuts 3 heads, a floor of 2 per layer allows 2; lower the ratio"):
        select([[1, 2, 3], [4, 5, 6]], 0.5, "global", floor=2)


@pytest.mark.parametrize(
    ("scores", "ratio", "scope", "message"),
    [
        ([[1, 2], [3, 4]], 0.9, "per_layer", "ratio 0.9 would leave 0 of 2 heads in layer 0, the floor is 1; lower the ratio"),
        ([[1, 2], [3, 4]], 0.75, "global", "ratio 0.75 cuts 3 heads, a floor of 1 per layer allows 2; lower the ratio"),
        ([[1, 2], [3, 4]], 0.1, "global", "ratio 0.1 of 4 heads cuts none; raise the ratio"),
        ([[1], [1]], 0.4, "per_layer", "ratio 0.4 of 2 heads cuts none; raise the ratio"),
    ],
)
def test_a_ratio_that_cannot_be_met_is_told(scores, ratio, scope, message):
    with pytest.raises(EdgeminError, match=message):
        select(scores, ratio, scope)


@pytest.mark.parametrize(
    ("counts", "ratio", "scope", "floor", "multiple", "kept"),
    [
        ((24, 24), 0.5, "per_layer", 1, 8, (16, 16)),  # 12 lies between 8 and 16: to even multiples
        ((24, 24), 0.25, "per_layer", 1, 8, (16, 16)),  # 18
        ((24, 24), 0.9, "per_layer", 1, 8, (8, 8)),  # 2, and none is not left
        ((24, 24), 0.6, "per_layer", 12, 8, (16, 16)),  # 10, and the floor needs 16
        ((20, 20), 0.05, "per_layer", 1, 8, (16, 16)),
    ],
)
def test_kept_counts_are_multiples(counts, ratio, scope, floor, multiple, kept):
    scores = [list(range(count)) for count in counts]
    if floor > 1:  # the floor is of what the ratio says, too
        with pytest.raises(EdgeminError, match="neurons"):
            select(scores, ratio, scope, floor * 2, multiple, "neurons")
    assert tuple(map(len, select(scores, ratio, scope, floor, multiple, "neurons"))) == kept


@pytest.mark.parametrize(
    ("strategy", "drop", "kept"),
    [
        ("top", 2, [0, 1, 2, 3]),
        ("bottom", 2, [2, 3, 4, 5]),
        ("symmetric", 2, [0, 1, 4, 5]),
        ("symmetric", 3, [0, 1, 5]),
        ("alternate", 3, [1, 3, 5]),
        ("alternate", 4, [1, 3]),
        ("contribution", 2, [0, 2, 3, 5]),
    ],
)
def test_layers_that_stay(strategy, drop, kept):
    assert kept_layers(6, drop, strategy, [0.1, 0.9, 0.2, 0.3, 0.8, 0.4]) == kept


def test_no_layer_left_is_refused():
    with pytest.raises(EdgeminError, match=r"drop: 6 of 6 layers would leave none; lower it"):
        kept_layers(6, 6, "top")


@pytest.mark.parametrize(
    ("has", "drop", "strategy", "kept"),
    [
        ([True, False, True, True], 1, "top", [0, 2]),
        ([True, False, True, True], 1, "bottom", [2, 3]),
        ([(0, 1), (), (2,), (3,)], 1, "contribution", [2, 3]),  # 0.5 is the most alike of those that have it
        ([24, 0, 0, 8], 1, "contribution", [3]),
    ],
)
def test_layers_that_keep_a_part_are_among_those_that_have_it(has, drop, strategy, kept):
    assert layers_that_keep(has, drop, strategy, [0.5, 0.9, 0.2, 0.1]) == kept


def test_the_last_part_is_not_dropped():
    with pytest.raises(EdgeminError, match=r"drop: 2 of 2 layers would leave none; lower it"):
        layers_that_keep([1, 0, 1], 2, "top", [])
