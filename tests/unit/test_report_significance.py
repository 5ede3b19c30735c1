"""Tests of differences against textbook numbers, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from edgemin.report import blocks
from edgemin.report.statistics import adjust, intervals
from edgemin.report.statistics.intervals import difference
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.significance import holm, mcnemar, seeds_needed, sign_flip, smallest_effect

ACCURACY = Judge.of({"metric": "accuracy"})


@pytest.mark.parametrize(("differences", "p"), [([1.0], 1), ([1, 2], 0.5), ([1, 2, 3, 4, 5, 6], 2 / 64), ([0, 0, 0], 1)])
def test_sign_flips_by_hand(differences, p):
    """All of one sign: of 2^n assignments only it and its mirror are as extreme."""
    assert sign_flip(differences) == p
    assert sign_flip([-value for value in differences]) == p


def test_sign_flips_of_mixed_signs_by_hand():
    """3, 4, -1: |sum| is 8, 6, 2 or 0 in pairs of assignments; 6 or more in four of eight."""
    assert sign_flip([3, 4, -1]) == 0.5


def test_fishers_exact_test_of_darwins_maize():
    """Fisher 1935, "The Design of Experiments", section 21: 1,726 of 2^15 assignments of Darwin's fifteen pairs."""
    darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip(darwin) == 1726 / 2**15


def test_many_seeds_draw_the_signs():
    exact = sign_flip([0.5, 1.5, -1, 2, 0.25, 0.75, -0.5, 1, 1.25, -0.25, 0.1, 0.9, -0.6, 0.4, 1.1, 0.3])
    drawn = sign_flip([0.5, 1.5, -1, 2, 0.25, 0.75, -0.5, 1, 1.25, -0.25, 0.1, 0.9, -0.6, 0.4, 1.1, 0.3, 0])
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 100_000))
    assert 0 < sign_flip([1.0] * 40) <= 1e-4


def test_mcnemar_is_the_binomial_test_of_the_discordant():
    """Eight examples that only one gets right, two that only the other does: 2 (1 + 10 + 45) / 2^10."""
    one = np.array([True] * 28 + [False] * 2)
    other = np.array([False] * 8 + [True] * 22)
    assert mcnemar(one, other) == pytest.approx(2 * 56 / 1024)
    assert mcnemar(one, other) == pytest.approx(binomtest(2, 10).pvalue)
    assert mcnemar(one, one) == 1


def test_mcnemar_asks_which_answers_are_right():
    """The columns of a comparison of two checkpoints: their answers, not their logits."""
    labels = np.arange(30) % 2
    one, other = (np.eye(2)[np.where(hits, labels, 1 - labels)][None] * 3 for hits in (np.arange(30) < 28, np.arange(30) >= 8))
    found = blocks.change_columns(ACCURACY, labels, one, other)
    assert (found["p"], found["p_test"]) == (pytest.approx(2 * 56 / 1024), "McNemar")


def test_a_regression_has_no_answers_that_are_right():
    """One seed: no test at all; two: of their correlations, 1 and 1 against -1 and -1."""
    labels = np.arange(6.0)
    ours, theirs = np.tile(labels[:, None], (2, 1, 1)), np.tile(-labels[:, None], (2, 1, 1))
    pearson = Judge.of({"metric": "pearson"})
    one = blocks.change_columns(pearson, labels, ours[:1], theirs[:1])
    assert (one["p"], one["mcnemar_by_seed"]) == (None, "")
    both = blocks.change_columns(pearson, labels, ours, theirs)
    assert (both["p"], both["quality_change"]) == (0.5, pytest.approx(2))


def test_holm_by_hand():
    """Holm 1979: 0.01 x 4, then 0.02 x 3, then 0.03 x 2, 0.04 x 1 raised to the one before."""
    assert holm([0.03, None, 0.01, 0.04, 0.02]) == pytest.approx([0.06, None, 0.04, 0.06, 0.06])
    assert holm([None, float("nan")]) == [None, None]
    assert holm([0.9, 0.8]) == [1, 1]


def test_fewest_seeds():
    """2/2^7 = 0.0156 is below 0.05/3, 2/2^9 below 0.05/8, 2/2^12 below 0.05/60; one seed less is not."""
    for comparisons, seeds in ((1, 6), (3, 7), (8, 9), (60, 12)):
        assert seeds_needed(comparisons) == seeds
        assert 2 / 2**seeds <= 0.05 / comparisons < 2 / 2 ** (seeds - 1)


def test_the_smallest_effect_of_a_test_set():
    """McNemar's at 80 % power: (1.96 + 0.84) sqrt(0.05 / 872) = 2.12 points where 5 % of 872 answers differ."""
    count = 872
    discordant = round(0.05 * count)
    labels = np.zeros(count, dtype=int)
    one, other = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
    one[: discordant // 2] = 1
    other[discordant // 2 : discordant] = 1
    found = difference(ACCURACY, labels, np.eye(2)[one][None], np.eye(2)[other][None])
    assert smallest_effect(found.low, found.high) == pytest.approx(2.80 * np.sqrt(discordant / count / count), rel=0.08)


def test_the_crossed_interval_covers_at_twenty_seeds(monkeypatch):
    """Pairs of models whose accuracies differ by 1 point on average, seeds adding noise of their own to both.

    The percentile interval is known to be narrow by the factor sqrt((n - 1) / n): of 200 simulated, 95 % less 4 standard
    deviations of a binomial have to cover the truth.
    """
    monkeypatch.setattr(intervals, "RESAMPLES", 300)
    random = np.random.default_rng(5)
    seeds, examples, covered, studies = 20, 300, 0, 200
    for _ in range(studies):
        hard = random.random(examples)
        ours, theirs = (
            hard + 0.3 * random.standard_normal((seeds, examples)) + 0.05 * random.standard_normal((seeds, 1)) < level
            for level in (0.86, 0.85)
        )
        truth = _mean_difference()
        interval = intervals._mean(ours.astype(float) - theirs)
        covered += interval.low <= truth <= interval.high
    assert covered / studies >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / studies)


def _mean_difference() -> float:
    """Of the simulation above: the expected share below 0.86 less that below 0.85, by integrating over how hard an example is."""
    from scipy.stats import norm

    hard = (np.arange(20_000) + 0.5) / 20_000
    scale = np.hypot(0.3, 0.05)
    return float((norm.cdf((0.86 - hard) / scale) - norm.cdf((0.85 - hard) / scale)).mean())


@pytest.fixture
def told(tmp_path):
    """Three cells of two seeds and forty examples: always right, wrong on a quarter, wrong on half."""
    labels = np.arange(40) % 2
    cells = []
    for name, wrong in (("a", 0), ("b", 10), ("c", 20)):
        folders = []
        for seed in (0, 1):
            answers = np.where(np.arange(40) < wrong, 1 - labels, labels)
            folder = tmp_path / name / str(seed)
            folder.mkdir(parents=True)
            frame = pd.DataFrame({"split": "test", "label": labels, "logits": list(np.eye(2)[answers])})
            frame.to_parquet(folder / "predictions.parquet")
            folders.append(str(folder))
        cells.append(({"cell": name}, folders))
    return cells


def test_the_columns_of_a_comparison(told):
    rows = [one.row for one in blocks.judged(ACCURACY, told)]
    assert [row["quality_change"] for row in rows[1:]] == [-0.25, -0.5]
    assert rows[1]["change_by_seed"] == "-0.25 -0.25"
    assert rows[1]["quality_by_seed"] == "0.75 0.75"
    assert (rows[1]["p"], rows[1]["p_test"]) == (0.5, "sign-flip")
    assert rows[1]["mcnemar_by_seed"] == " ".join([f"{2 / 2**10:.6g}"] * 2)
    assert [row["best"] for row in rows] == [True, False, False]
    stepwise = [one.row for one in blocks.judged(ACCURACY, told, stepwise=True)]
    assert stepwise[2]["quality_change"] == -0.25


def test_nothing_is_best_among_equals(told):
    assert not any(one.row["best"] for one in blocks.judged(ACCURACY, [told[0], told[0], told[2]]))
    assert not blocks.judged(ACCURACY, told[:1])[0].row["best"]


def test_one_seed_speaks_of_checkpoints(told):
    one = [(names, folders[:1]) for names, folders in told]
    table = adjust.adjusted(pd.DataFrame([judged.row for judged in blocks.judged(ACCURACY, one)]))
    assert table["p"].tolist()[1:] == pytest.approx([2 / 2**10, 2 / 2**20])
    assert table["p_holm"].tolist()[1:] == pytest.approx([2 / 2**10, 4 / 2**20])
    said = adjust.said(table)
    assert said.startswith(
        "1 seed. p: McNemar's exact test, which with one seed speaks of these checkpoints, not of the methods; "
    )
    assert "corrected by Holm for the 2 comparisons" in said
    assert "can be significant" not in said


METRICS = {"matthews": 2, "pearson": 1, "spearman": 1}


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("draw", range(10))
def test_a_metric_that_is_constant_has_no_p(metric, seeds, draw, monkeypatch):
    """Labels that are all alike: every resample gives 0, and McNemar's test of the answers would say 0.004."""
    monkeypatch.setattr(intervals, "RESAMPLES", 50)
    random, judge = np.random.default_rng(draw), Judge.of({"metric": metric})
    labels, shape = np.zeros(20, dtype=int), (seeds, 20, METRICS[metric])
    rows = [blocks.change_columns(judge, labels, random.standard_normal(shape), random.standard_normal(shape)) for _ in range(2)]
    for row in rows:
        assert (row["p"], row["p_test"], row["smallest_effect"], row["mcnemar_by_seed"]) == (None, None, None, "")
        assert (row["quality_change"], row["quality_change_low"], row["quality_change_high"]) == (0, 0, 0)
    assert blocks.cautions(judge, labels)["caution"].startswith("the test split has one ")
    table = adjust.adjusted(
        pd.DataFrame([{"metric": metric, "seeds": seeds, **blocks.cautions(judge, labels), **row} for row in rows])
    )
    said = adjust.said(table)
    assert f"Where {metric} is the same in every resample, whatever the answers, there is no p and no smallest effect." in said
    assert "Caution: the test split has one " in said
    assert "Smallest effect" not in said


def test_a_metric_that_varies_keeps_its_p_and_a_difference_without_width_has_no_smallest_effect():
    """Each model always answers one class: Matthews is 0 for both, constant, though the labels differ. Accuracy tells."""
    labels = np.repeat([0, 1], [14, 2])
    no, yes = (np.tile(np.eye(2)[answer], (1, 16, 1)) for answer in (0, 1))
    assert blocks.change_columns(Judge.of({"metric": "matthews"}), labels, no, yes)["p"] is None
    told = blocks.change_columns(ACCURACY, labels, no, yes)
    assert told["p"] == pytest.approx(binomtest(2, 16).pvalue)
    assert told["smallest_effect"] > 0
    same = blocks.change_columns(ACCURACY, labels, no, no)
    assert (same["p"], same["smallest_effect"]) == (1, None)
    right = np.eye(2)[labels][None]
    assert blocks.change_columns(ACCURACY, labels, right, right)["p"] == 1
    assert blocks.cautions(ACCURACY, labels) == {}


def test_too_few_seeds_are_said(told):
    """Two seeds: 2/2^2 = 0.5; two comparisons need seven."""
    table = adjust.adjusted(pd.DataFrame([judged.row for judged in blocks.judged(ACCURACY, told)]))
    said = adjust.said(table)
    assert (
        "With 2 seeds none of 2 comparisons can be significant at 0.05 after correction: the smallest p is 0.5; 7 seeds could."
        in said
    )
    assert "Smallest effect that it could show" in said
