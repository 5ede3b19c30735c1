"""Intervals of qualities, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from edgemin.report.statistics import intervals
from edgemin.report.statistics.intervals import by_seed, difference, quality
from edgemin.report.statistics.judge import Judge
from edgemin.study import registry

LABELS = np.array([0, 1, 1, 0])


def logits(*right: str) -> np.ndarray:
    """Logits (S, 4, 2) that are right where a seed's text has a 1."""
    hits = np.array([[int(mark) for mark in seed] for seed in right])
    return np.eye(2)[np.where(hits, LABELS, 1 - LABELS)]


A, B = logits("1111", "1100"), logits("1010", "1000")
ACCURACY = Judge.of({"metric": "accuracy"})


def test_point_estimates_by_hand():
    """Seeds score 1 and 1/2, and 1/2 and 1/4: means 3/4 and 3/8."""
    assert quality(ACCURACY, LABELS, A).value == 0.75
    assert difference(ACCURACY, LABELS, A, B).value == 0.375
    assert difference(ACCURACY, LABELS, B, A).value == -0.375


def test_an_interval_of_one_seed_speaks_of_the_examples():
    """Right on all four: right on any resample of them."""
    found = quality(ACCURACY, LABELS, logits("1111"))
    assert (found.value, found.low, found.high) == (1, 1, 1)
    assert quality(ACCURACY, LABELS, logits("1100")).low == 0  # 1 resample of 16 has only wrong ones


def test_a_model_does_not_differ_from_itself():
    found = difference(ACCURACY, LABELS, A, A)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_differences_stay_paired():
    """Two models that are right on the same random half of the examples but one always a seed's answer better."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    hits = random.random(200) < 0.5
    one, other = (
        np.eye(2)[np.where(mask, labels, 1 - labels)][None] for mask in (hits, hits & (np.arange(200) != hits.argmax()))
    )
    paired = difference(ACCURACY, labels, one, other)
    assert paired.value == pytest.approx(1 / 200, abs=1e-12)  # a difference of two float64 means
    assert paired.low == 0
    assert 2 / 200 <= paired.high <= 4 / 200  # that example is drawn 0 times, once, twice, ... as a Poisson number of mean 1
    assert quality(ACCURACY, labels, one).high - quality(ACCURACY, labels, one).low > 0.1


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("accuracy", accuracy_score),
        ("macro_f1", lambda gold, found: f1_score(gold, found, average="macro")),
        ("matthews", matthews_corrcoef),
    ],
)
def test_a_quality_is_the_metric(metric, oracle, monkeypatch):
    """Its estimate is the mean of scikit-learn's over seeds, whether or not it is a mean over examples."""
    monkeypatch.setattr(intervals, "RESAMPLES", 10)  # the ends are not looked at
    random = np.random.default_rng(1)
    labels, values = random.integers(0, 3, 50), random.standard_normal((2, 50, 3))
    expected = [oracle(labels, one.argmax(-1)) for one in values]
    judge = Judge.of({"metric": metric})
    assert by_seed(judge, labels, values) == pytest.approx(expected)
    assert quality(judge, labels, values).value == pytest.approx(np.mean(expected))
    assert difference(judge, labels, values[:1], values[1:]).value == pytest.approx(expected[0] - expected[1])


def test_a_metric_that_is_a_mean_is_looked_up_and_not_computed_anew():
    """Both ways draw alike: the interval of accuracy is the same by either."""
    random = np.random.default_rng(3)
    labels, values = random.integers(0, 2, 30), random.standard_normal((2, 30, 2))
    score = ACCURACY.scores.score("accuracy")
    anew = intervals.crossed_bootstrap(lambda s, e: float(np.mean([score(labels[e], values[i][e]) for i in s])), 2, 30)
    assert quality(ACCURACY, labels, values).as_dict() == pytest.approx(anew.as_dict())


def test_who_judges_follows_from_the_metric_or_is_said():
    assert ACCURACY.kind is registry.KINDS["classification"]
    assert Judge.of({"metric": "pearson"}).kind is registry.KINDS["regression"]
    assert Judge.of({"metric": "pearson", "kind": "classification"}).kind is registry.KINDS["classification"]


def test_one_seeds_interval_covers_the_truth(monkeypatch):
    """200 answers, each right with probability 0.85. Of 300 simulated 95 % intervals 3.8 points are three binomial SDs."""
    monkeypatch.setattr(intervals, "RESAMPLES", 400)  # enough for an end to a hundredth, and quick
    random = np.random.default_rng(2)
    labels, covered = np.zeros(200, dtype=int), 0
    for _ in range(300):
        answers = np.eye(2)[(random.random(200) > 0.85).astype(int)]
        found = quality(ACCURACY, labels, answers[None])
        covered += found.low <= 0.85 <= found.high
    assert abs(covered / 300 - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / 300)


def test_seeds_widen_the_interval():
    """Examples that are all alike: only seeds vary, 0 or 1; of two, a mean of a resample is 0, 1/2 or 1."""
    labels = np.zeros(20, dtype=int)
    found = quality(ACCURACY, labels, np.stack([np.tile([1.0, 0.0], (20, 1)), np.tile([0.0, 1.0], (20, 1))]))
    assert (found.value, found.low, found.high) == (0.5, 0, 1)
