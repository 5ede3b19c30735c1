"""Intervals and tests of qualities, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.left_out import _one_by_one, left_out
from edgemin.report.statistics.twoway import estimate, mean_squares
from edgemin.report.statistics.values import values_of
from edgemin.study import registry

LABELS = np.array([0, 1, 1, 0])


def logits(*right: str) -> np.ndarray:
    """Logits (S, 4, 2) that are right where a seed's text has a 1."""
    hits = np.array([[int(mark) for mark in seed] for seed in right])
    return np.eye(2)[np.where(hits, LABELS, 1 - LABELS)]


A, B = logits("1111", "1100"), logits("1010", "1000")
ACCURACY = Judge.of({"metric": "accuracy"})


def quality(judge, labels, answers):
    return values_of(judge, labels, answers).estimate()


def difference(judge, labels, ours, theirs):
    return (values_of(judge, labels, ours) - values_of(judge, labels, theirs)).estimate()


def test_point_estimates_by_hand():
    """Seeds score 1 and 1/2, and 1/2 and 1/4: means 3/4 and 3/8."""
    assert quality(ACCURACY, LABELS, A).value == 0.75
    assert difference(ACCURACY, LABELS, A, B).value == 0.375
    assert difference(ACCURACY, LABELS, B, A).value == -0.375


def test_mean_squares_by_hand():
    """Rows 1 2 6 and 3 4 8: means 3 and 5; 2, 3 and 7; 4 over all. Nothing is left: rows differ by 2 everywhere."""
    assert mean_squares(np.array([[1.0, 2, 6], [3, 4, 8]])) == pytest.approx((3 * 2 / 1, 2 * (4 + 1 + 9) / 2, 0))
    assert mean_squares(np.array([[1.0, 0], [0, 1]])) == pytest.approx((0, 0, 1))


def test_four_seeds_by_hand():
    """Seeds 0, 2, 4, 6 plus examples -1, 1: no rest. MS_s = 2 (9 + 1 + 1 + 9) / 3 = 40/3, MS_e = 4 (1 + 1) / 1 = 8.

    Variance (40/3 + 8) / 8 = 8/3; degrees of freedom (64/3)^2 / ((40/3)^2 / 3 + 8^2 / 1) = 3.7059."""
    found = estimate(np.array([0.0, 2, 4, 6])[:, None] + np.array([-1.0, 1]))
    assert (found.value, found.over) == (3, "seeds and examples")
    assert found.error == pytest.approx(np.sqrt(8 / 3))
    assert found.freedom == pytest.approx(4096 / 9 / (1600 / 27 + 64))
    half = t.ppf(0.975, found.freedom) * np.sqrt(8 / 3)
    assert (found.interval().low, found.interval().high) == pytest.approx((3 - half, 3 + half))
    assert found.p() == pytest.approx(2 * t.sf(3 / np.sqrt(8 / 3), found.freedom))
    assert found.upper(0.8) == pytest.approx(3 + t.ppf(0.8, found.freedom) * np.sqrt(8 / 3))
    assert found.smallest_effect() == pytest.approx((t.ppf(0.975, found.freedom) + t.ppf(0.8, found.freedom)) * np.sqrt(8 / 3))


def test_seeds_alone_give_the_t_test_of_seeds():
    """Values that are the same for all examples: variance and degrees of freedom are those of the S means."""
    of_seeds = np.array([0.1, 0.4, 0.2, 0.5, 0.35])
    found = estimate(np.tile(of_seeds[:, None], (1, 7)))
    assert found.freedom == pytest.approx(4)
    assert found.p() == pytest.approx(ttest_1samp(of_seeds, 0).pvalue)


def test_examples_alone_give_the_t_test_of_examples():
    """Seeds that all answer alike: as with one seed, but now it is a statement about methods."""
    of_examples = np.array([1.0, 0, 0, -1, 1, 1, 0, 1])
    found = estimate(np.tile(of_examples, (4, 1)))
    assert found.freedom == pytest.approx(7)
    assert found.p() == pytest.approx(ttest_1samp(of_examples, 0).pvalue)
    one = estimate(of_examples[None])
    assert (one.error, one.freedom) == pytest.approx((found.error, 7))
    assert one.over == "examples"


def test_seeds_that_agree_by_luck_narrow_nothing():
    """Each seed is right on one example, each example by one seed: MS_s = MS_e = 0 and all 3 = 4 - 1 squares are rest, 3 / 9 each.

    Variance MS_r / (S E) = 1/3 / 16, where MS_s + MS_e - MS_r is below 0."""
    found = estimate(np.eye(4))
    assert found.error == pytest.approx(np.sqrt(1 / 3 / 16))
    assert found.freedom == pytest.approx(1 / (1 / 3 + 1 / 3 + 1 / 9))


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_below_four_seeds_there_is_an_interval_of_checkpoints_and_no_test(seeds):
    """The examples' means 1, 1, 1, 0: SD 1/2 over the square root of 4."""
    found = estimate(np.tile([1.0, 1, 1, 0], (seeds, 1)))
    assert (found.error, found.freedom, found.over) == (pytest.approx(0.25), 3, "examples")
    assert found.p() is None
    assert found.smallest_effect() is None


def test_an_interval_of_one_seed_is_the_binomial_one():
    """28 of 40: sqrt(0.7 0.3 / 39)."""
    labels = np.zeros(40, dtype=int)
    found = quality(ACCURACY, labels, np.eye(2)[(np.arange(40) >= 28).astype(int)][None])
    assert (found.value, found.error) == pytest.approx((0.7, np.sqrt(0.7 * 0.3 / 39)))


def test_a_model_does_not_differ_from_itself():
    for seeds, p in ((1, None), (2, 1.0)):
        ours = np.concatenate([A[:seeds]] * seeds)
        found = difference(ACCURACY, LABELS, ours, ours)
        assert (found.interval().low, found.interval().high, found.p()) == (0, 0, p)
        assert found.smallest_effect() is None


def test_what_never_varies_and_is_not_0_has_no_p():
    """Always right against always wrong: nothing tells how that might vary."""
    found = difference(ACCURACY, LABELS, logits(*["1111"] * 4), logits(*["0000"] * 4))
    assert (found.value, found.error, found.p()) == (1, 0, None)


def test_one_example_tells_no_width():
    found = estimate(np.array([[1.0], [0], [1], [1]]))
    assert (found.value, found.error) == (0.75, 0)


def test_differences_stay_paired():
    """Two models that are right on the same random half of the examples but for one: sqrt(p (1 - p) / 199) with p = 1/200."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    hits = random.random(200) < 0.5
    one, other = (
        np.eye(2)[np.where(mask, labels, 1 - labels)][None] for mask in (hits, hits & (np.arange(200) != hits.argmax()))
    )
    paired = difference(ACCURACY, labels, one, other)
    assert paired.value == pytest.approx(1 / 200, abs=1e-12)  # a difference of two float64 means
    assert paired.error == pytest.approx(np.sqrt(0.005 * 0.995 / 199))
    assert quality(ACCURACY, labels, one).error > 0.03


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("accuracy", accuracy_score),
        ("macro_f1", lambda gold, found: f1_score(gold, found, average="macro")),
        ("matthews", matthews_corrcoef),
    ],
)
def test_a_quality_is_the_metric(metric, oracle):
    """Its estimate is the mean of scikit-learn's over seeds, whether or not it is a mean over examples."""
    random = np.random.default_rng(1)
    labels, answers = random.integers(0, 3, 50), random.standard_normal((2, 50, 3))
    expected = [oracle(labels, one.argmax(-1)) for one in answers]
    judge = Judge.of({"metric": metric})
    assert values_of(judge, labels, answers).by_seed == pytest.approx(expected)
    assert quality(judge, labels, answers).value == pytest.approx(np.mean(expected))
    assert difference(judge, labels, answers[:1], answers[1:]).value == pytest.approx(expected[0] - expected[1])


@pytest.mark.parametrize("metric", ["macro_f1", "matthews", "pearson", "spearman"])
@pytest.mark.parametrize("draw", range(5))
def test_the_quick_ways_are_the_metric_computed_anew(metric, draw):
    """Ties among labels and answers included; 300 examples are more than are left out at a time."""
    random, judge = np.random.default_rng(draw), Judge.of({"metric": metric})
    count = (5, 30, 300, 2, 8)[draw]
    continuous = metric in ("pearson", "spearman")
    labels = random.integers(0, 6, count) / 2 if continuous else random.integers(0, 3, count)
    answers = np.round(random.standard_normal((count, 1 if continuous else 3)), 1 if draw < 3 else 0)
    assert left_out(judge, labels, answers) == pytest.approx(_one_by_one(judge, labels, answers), abs=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_correlation_and_its_interval_have_no_unit(metric, scale):
    rng = np.random.default_rng(5)
    scores = rng.normal(size=40)
    answers = (scores + rng.normal(size=(2, 40)))[..., None]
    judge = Judge.of({"metric": metric})
    here, scaled = quality(judge, scores, answers), quality(judge, scale * scores, scale * answers)
    assert here.error > 0
    assert (scaled.value, scaled.error) == pytest.approx((here.value, here.error))


def test_pseudo_values_of_a_mean_are_its_values():
    """Accuracy by the long way: N mean - (N - 1) mean without e is the value of e."""
    random = np.random.default_rng(3)
    labels, answers = random.integers(0, 2, 30), random.standard_normal((30, 2))
    pseudo = 30 * (answers.argmax(-1) == labels).mean() - 29 * left_out(ACCURACY, labels, answers)
    assert pseudo == pytest.approx(values_of(ACCURACY, labels, answers[None]).each[0])


def test_the_error_of_a_correlation_is_the_textbooks():
    """Of normal pairs with correlation r: (1 - r^2) / sqrt(N). 4,000 pairs, to 5 %."""
    random = np.random.default_rng(7)
    x = random.standard_normal(4000)
    y = 0.6 * x + 0.8 * random.standard_normal(4000)
    found = quality(Judge.of({"metric": "pearson"}), x, y[None, :, None])
    assert found.error == pytest.approx((1 - found.value**2) / np.sqrt(4000), rel=0.05)


def test_who_judges_follows_from_the_metric_or_is_said():
    assert ACCURACY.kind is registry.KINDS["classification"]
    assert Judge.of({"metric": "pearson"}).kind is registry.KINDS["regression"]
    assert Judge.of({"metric": "pearson", "kind": "classification"}).kind is registry.KINDS["classification"]
