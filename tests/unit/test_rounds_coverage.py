"""The simulation behind the latency section of docs/statistics.md, in small."""

from __future__ import annotations

import numpy as np
import pytest
from simulations import coverage, rounds

RUNS = 1000
FOUR_SDS = 4 * np.sqrt(0.95 * 0.05 / RUNS)


@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.parametrize("scenario", rounds.SCENARIOS[:2], ids=lambda one: one.words)
def test_the_next_run_falls_into_the_interval_as_often_as_it_says(scenario, number):
    """Exactly 95 %: rounds are normal on the log scale, and the next run is of as many."""
    assert rounds.coverage(scenario, number, RUNS)[0] == pytest.approx(0.95, abs=FOUR_SDS)


def test_the_interval_of_one_job_does_not_hold_the_next():
    """The next job is sqrt(2) * 9.5 % away, the interval some 2.3 % wide: 14 of 100."""
    found, half = rounds.coverage_of_one_job(rounds.SCENARIOS[1], 400)
    assert half == pytest.approx(2.093 * 0.05 / np.sqrt(20), rel=0.1)
    assert found < 0.3


def test_what_all_rounds_of_a_run_share_is_not_seen():
    assert rounds.coverage(rounds.SCENARIOS[3], 5, RUNS)[0] < 0.85


def test_the_document_has_every_scenario():
    text = coverage.DOCUMENT.read_text(encoding="utf-8")
    assert [one.words for one in rounds.SCENARIOS if f"| {one.words} |" not in text] == []
