"""Some of a split's texts: of every class, whatever the order of the file."""

from __future__ import annotations

import numpy as np
import pytest

from edgemin.data.drawn import at, drawn
from edgemin.data.tokens import Tokens

HALVES = np.arange(3000) // 1500
TURNS = np.arange(3000) % 2


@pytest.mark.parametrize("labels", [HALVES, TURNS, 1 - TURNS])
def test_each_class_has_its_share(labels):
    """256 of 3,000: 128 of each of two classes, with a standard deviation of 7.7 (hypergeometric); here within three of them."""
    places = drawn(3000, 256)
    assert (np.diff(places) > 0).all()
    assert len(places) == 256
    assert abs(labels[places].sum() - 128) < 23
    assert np.array_equal(places, drawn(3000, 256)), "the same draw each time"


def test_where_there_are_fewer_all_are_taken():
    assert drawn(5, 500).tolist() == drawn(5, 5).tolist() == [0, 1, 2, 3, 4]


def test_texts_at_places_are_those(tokens):
    every = Tokens.read(tokens / "validation.arrow")
    some = at(every, np.array([3, 4, 17]))
    assert [one["input_ids"].tolist() for one in (some[0], some[1], some[2])] == [
        every[place]["input_ids"].tolist() for place in (3, 4, 17)
    ]
    assert some.column("label").tolist() == every.column("label")[[3, 4, 17]].tolist()
    assert (len(some), some.facts, some.lengths.tolist()) == (3, every.facts, every.lengths[[3, 4, 17]].tolist())
    assert len(some.flat) == some.lengths.sum()
