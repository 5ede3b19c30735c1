"""The simulation behind docs/statistics.md, in small: intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from simulations import coverage

from edgemin.report.readings import upper_bound
from edgemin.report.statistics.twoway import estimate

STUDIES = 200
FOUR_SDS = 4 * np.sqrt(0.95 * 0.05 / STUDIES)
"""Of a share of 95 % in so many studies: 6 points."""


@pytest.mark.parametrize("seeds", [4, 8])
@pytest.mark.parametrize(
    "scenario", [coverage.USUAL, coverage.REAL, coverage.DOMINATING, coverage.TASTES], ids=lambda one: one.words
)
def test_from_four_seeds_on_intervals_hold_the_difference_of_methods(scenario, seeds):
    assert coverage.coverage(scenario, seeds, STUDIES).methods >= 0.95 - FOUR_SDS


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("scenario", [coverage.USUAL, coverage.DOMINATING], ids=lambda one: one.words)
def test_with_fewer_they_hold_that_of_these_checkpoints(scenario, seeds):
    found = coverage.coverage(scenario, seeds, STUDIES)
    assert abs(found.checkpoints - 0.95) <= FOUR_SDS
    if scenario is coverage.DOMINATING:
        assert found.methods < 0.6  # and that is why they are not called intervals of methods


def test_intervals_of_a_metric_that_is_no_mean():
    assert coverage.matthews_coverage(4, STUDIES // 2).methods >= 0.95 - FOUR_SDS * np.sqrt(2)


def test_more_seeds_do_not_make_a_difference_of_these_examples_one_of_methods():
    """12 seeds, no difference: sign flips find one in a third of the studies, the two-way analysis as rarely as it says."""
    flips, twoway = coverage.rejected(coverage.TASTES, 12, STUDIES)
    assert flips > 0.25
    assert twoway <= 0.05 + FOUR_SDS


def test_the_bound_breaks_a_limit_less_often():
    """Four cells, the faster the worse: half as often at the most, by the same data."""
    point, bound = coverage.choices(4, True, count=STUDIES)
    assert 0 < bound.broken <= point.broken / 2
    assert bound.drop < point.drop


def test_a_cell_at_the_limit_passes_in_one_study_of_five():
    """The share of upper 80 % bounds below the truth, one seed: 20 % give or take 4 standard deviations."""
    below = [coverage.estimate(values).upper(0.8) < 0 for values, _ in coverage.studies(coverage.TASTES, 1, STUDIES)]
    assert np.mean(below) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / STUDIES))


@pytest.mark.parametrize("lost", [1, 2, 3, 10])
def test_few_answers_that_differ_do_not_pass_a_limit_by_luck(lost):
    """100 validation rows, a true drop at the limit, and only losses: of the binomial counts those that pass have at most 20 %
    and a little (t is continuous, counts are not). Without the room for what N answers cannot show it is 37 % for one loss."""
    passing = [
        count for count in range(100) if upper_bound(estimate((np.arange(100) < count)[None].astype(float)), 100) <= lost / 100
    ]
    assert binom.pmf(passing, 100, lost / 100).sum() <= 0.23


def test_signs_that_are_flipped_by_hand():
    """Of 3, 4, -1: |sum| is 8, 6, 2 or 0 in pairs of assignments; 6 or more in four of eight."""
    assert coverage.sign_flip(np.array([3, 4, -1])) == 0.5


def test_the_document_has_a_line_for_all_that_is_simulated():
    text = coverage.DOCUMENT.read_text(encoding="utf-8")
    assert [scenario.words for scenario in coverage.SCENARIOS if f"| {scenario.words} |" not in text] == []
    assert coverage.written(text, {"error": ["| x |"]}).count("| x |") == 1
