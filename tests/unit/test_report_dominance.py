"""`beaten` against the definition, pair by pair, and in the cases that decide: ties, and times that are not known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.report.dominance import beaten


@pytest.mark.parametrize("seed", range(5))
def test_as_by_the_definition(seed):
    values = np.random.default_rng(seed).integers(0, 4, (30, 3)).astype(float)
    rows = pd.DataFrame(values, columns=["bytes", "ms", "quality"])
    worth = values * [-1, -1, 1]
    by_hand = [any((other >= own).all() and (other > own).any() for other in worth) for own in worth]
    assert [beaten(row, rows, ["bytes", "ms"], "quality") for _, row in rows.iterrows()] == by_hand
    assert 0 < sum(by_hand) < len(by_hand)


def test_equals_do_not_beat_each_other():
    rows = pd.DataFrame({"ms": [1.0, 1.0], "quality": [0.9, 0.9]})
    assert not beaten(rows.iloc[0], rows, ["ms"], "quality")


def test_a_time_that_is_not_known_beats_nothing_and_is_beaten_by_nothing():
    rows = pd.DataFrame({"ms": [1.0, np.nan], "quality": [0.9, 0.8]})
    assert not beaten(rows.iloc[1], rows, ["ms"], "quality")
    assert not beaten(rows.iloc[0], pd.DataFrame({"ms": [np.nan], "quality": [0.99]}), ["ms"], "quality")
